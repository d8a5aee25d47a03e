//! Who may ask by MCP, as it is set.

use clap::Args;

/// The settings of the MCP server.
#[derive(Debug, Clone, Args)]
pub struct McpFlags {
    /// Origins of pages that may ask at /mcp, beside this server's own and those of this machine; * is every page [default: none]
    #[arg(long, env = "RIALTO_MCP_ORIGINS", value_name = "ORIGIN,…", global = true, value_delimiter = ',')]
    pub mcp_origins: Option<Vec<String>>,
}

impl McpFlags {
    /// The origins that are named.
    pub(super) fn origins(&self) -> Vec<String> {
        self.mcp_origins.iter().flatten().map(|origin| origin.trim().to_owned()).filter(|origin| !origin.is_empty()).collect()
    }
}
