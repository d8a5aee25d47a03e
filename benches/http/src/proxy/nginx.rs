//! Two nginx of one worker each: the upstream, and the proxy that ours is compared with.

use std::{
    fs::{self, File},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use crate::Result;

/// An answer of a language model, 339 bytes.
const ANSWER: &str = r#"{"id":"chatcmpl-0123456789abcdef","object":"chat.completion","created":1790000000,"model":"small-model","choices":[{"index":0,"message":{"role":"assistant","content":"Paris is the capital of France, and has been for a long time now."},"finish_reason":"stop"}],"usage":{"prompt_tokens":24,"completion_tokens":15,"total_tokens":39}}  "#;
/// What is streamed through: 1 GiB.
pub const LARGE: u64 = 1 << 30;

/// Both, until this is dropped.
pub struct Nginx {
    /// `127.0.0.1:PORT` of the upstream.
    pub upstream: String,
    /// `127.0.0.1:PORT` of the proxy.
    pub proxy: String,
    children: Vec<Child>,
}

impl Nginx {
    /// Starts both, with their files in `folder`.
    pub fn start(folder: &Path) -> Result<Self> {
        let (upstream, proxy) = (free()?, free()?);
        let files = folder.join("files");
        fs::create_dir_all(&files)?;
        // Sparse: it takes no room.
        File::create(files.join("large"))?.set_len(LARGE)?;
        let mut nginx = Self { upstream, proxy, children: Vec::new() };
        let answers = format!(
            "location / {{ default_type application/json; return 200 '{ANSWER}'; }}
             location = /v1/large {{ alias {}; default_type application/octet-stream; }}",
            files.join("large").display()
        );
        let server = format!("server {{ listen {}; {answers} }}", nginx.upstream);
        nginx.run(folder, "upstream", &server)?;
        let server = format!(
            "upstream up {{ server {}; keepalive 128; keepalive_requests 100000000; }}
             server {{ listen {}; location / {{ proxy_pass http://up; proxy_http_version 1.1;
               proxy_set_header Connection ''; }} }}",
            nginx.upstream, nginx.proxy
        );
        nginx.run(folder, "proxy", &server)?;
        for address in [&nginx.upstream, &nginx.proxy] {
            await_listener(address)?;
        }
        Ok(nginx)
    }

    fn run(&mut self, folder: &Path, name: &str, servers: &str) -> Result<()> {
        let home = folder.join(name);
        fs::create_dir_all(&home)?;
        let at = home.display();
        let root = if Command::new("id").arg("-u").output()?.stdout.starts_with(b"0\n") { "user root;" } else { "" };
        let text = format!(
            "{root} daemon off; worker_processes 1; pid {at}/pid; error_log {at}/error.log;
             events {{ worker_connections 4096; }}
             http {{ access_log off; sendfile on; tcp_nodelay on; keepalive_requests 100000000;
               client_body_temp_path {at}/a; proxy_temp_path {at}/b; fastcgi_temp_path {at}/c; uwsgi_temp_path {at}/d; scgi_temp_path {at}/e;
               {servers} }}"
        );
        let file = home.join("nginx.conf");
        fs::write(&file, text)?;
        let child = Command::new("nginx")
            .arg("-p")
            .arg(&home)
            .arg("-c")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| format!("nginx: {error} (apt-get install nginx)"))?;
        self.children.push(child);
        Ok(())
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        for child in &mut self.children {
            // Asked, not killed: only then does it take its workers along.
            let _ = Command::new("kill").arg(child.id().to_string()).status();
            let _ = child.wait();
        }
    }
}

/// An address that nobody listens at.
fn free() -> Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}

fn await_listener(address: &str) -> Result<()> {
    for _ in 0..100 {
        if TcpStream::connect(address).is_ok() {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(50));
    }
    Err(format!("nothing listens at {address}").into())
}
