//! Credentials, encrypted.

use diesel::{AsChangeset, Insertable, OptionalExtension, QueryDsl, Queryable, Selectable, SelectableHelper};
use rialto_kernel::{AgentId, Timestamp};
use rialto_store::{StoreError, Tx, on};

use super::schema::agent_credentials as c;
use crate::{AuthType, StoredCredential, cipher::Sealed, store::CredentialStore};

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = c, primary_key(agent_id), treat_none_as_null = true)]
struct CredentialRow {
    agent_id: AgentId,
    credential_type: String,
    ciphertext: Vec<u8>,
    nonce: Vec<u8>,
    key_id: String,
    auth_header: Option<String>,
    auth_scheme: Option<String>,
    updated_at: Timestamp,
}

impl TryFrom<CredentialRow> for StoredCredential {
    type Error = StoreError;

    fn try_from(row: CredentialRow) -> Result<Self, StoreError> {
        let unknown = || StoreError::Corrupt(format!("agent_credentials.credential_type is {:?}", row.credential_type));
        Ok(Self {
            kind: AuthType::from_word(&row.credential_type).ok_or_else(unknown)?,
            sealed: Sealed { key_id: row.key_id, nonce: row.nonce, ciphertext: row.ciphertext },
            auth_header: row.auth_header,
            auth_scheme: row.auth_scheme,
            updated_at: row.updated_at,
        })
    }
}

impl CredentialStore for Tx {
    async fn put_credential(&mut self, agent: AgentId, credential: &StoredCredential) -> Result<(), StoreError> {
        let row = CredentialRow {
            agent_id: agent,
            credential_type: credential.kind.as_str().to_owned(),
            ciphertext: credential.sealed.ciphertext.clone(),
            nonce: credential.sealed.nonce.clone(),
            key_id: credential.sealed.key_id.clone(),
            auth_header: credential.auth_header.clone(),
            auth_scheme: credential.auth_scheme.clone(),
            updated_at: credential.updated_at,
        };
        on!(self, conn => diesel::insert_into(c::table).values(&row)
            .on_conflict(c::agent_id).do_update().set(&row).execute(conn).await)?;
        Ok(())
    }

    async fn find_credential(&mut self, agent: AgentId) -> Result<Option<StoredCredential>, StoreError> {
        let row: Option<CredentialRow> =
            on!(self, conn => c::table.find(agent).select(CredentialRow::as_select()).first(conn).await.optional())?;
        row.map(StoredCredential::try_from).transpose()
    }

    async fn delete_credential(&mut self, agent: AgentId) -> Result<(), StoreError> {
        on!(self, conn => diesel::delete(c::table.find(agent)).execute(conn).await)?;
        Ok(())
    }
}
