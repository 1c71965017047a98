//! A reverse proxy that speaks TLS in front of a simulated host, with a certificate of an authority of its own.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use crate::Result;

/// What a server shows, and the PEM text of who signed it.
pub(crate) struct Identity {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
    /// What a client must be told to trust.
    pub(crate) authority: String,
    /// The certificate and its key as PEM texts.
    pub(crate) shown: String,
    pub(crate) shown_key: String,
}

/// A certificate for these names, signed by an authority of its own.
pub(crate) fn signed(names: &[&str], adapt: impl FnOnce(&mut CertificateParams)) -> Result<Identity> {
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.distinguished_name.push(DnType::CommonName, "an authority of one's own");
    let authority_key = KeyPair::generate()?;
    let trusted = authority.self_signed(&authority_key)?.pem();
    let mut leaf = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())?;
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    adapt(&mut leaf);
    let key = KeyPair::generate()?;
    let leaf = leaf.signed_by(&key, &Issuer::new(authority, authority_key))?;
    let (shown, shown_key) = (leaf.pem(), key.serialize_pem());
    Ok(Identity { certificate: leaf.der().clone(), key: key.into(), authority: trusted, shown, shown_key })
}

/// As `openssl req -x509` makes one: signed by itself, and an authority by its own word.
pub(crate) fn self_signed(name: &str) -> Result<Identity> {
    let mut own = CertificateParams::new(vec![name.to_owned()])?;
    own.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate()?;
    let certificate = own.self_signed(&key)?;
    let (pem, shown_key) = (certificate.pem(), key.serialize_pem());
    let certificate = certificate.der().clone();
    Ok(Identity { certificate, authority: pem.clone(), key: key.into(), shown: pem, shown_key })
}

/// Lets a certificate be shown by a client.
pub(crate) fn of_client(leaf: &mut CertificateParams) {
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
}

/// Lets a certificate end long ago.
pub(crate) fn expired(leaf: &mut CertificateParams) {
    (leaf.not_before, leaf.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
}

/// A listener that passes on what comes through TLS.
pub(crate) struct Front {
    pub(crate) url: String,
    task: AbortHandle,
}

impl Front {
    /// Before the server at this URL.
    pub(crate) async fn start(identity: Identity, behind: &str) -> Result<Self> {
        Self::asking(identity, None, behind).await
    }

    /// Lets in only whom this authority has signed.
    pub(crate) async fn asking(identity: Identity, clients: Option<&str>, behind: &str) -> Result<Self> {
        let behind = behind.trim_start_matches("http://").to_owned();
        let provider = Arc::new(ring::default_provider());
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?;
        let config = match clients {
            Some(authority) => {
                let mut known = RootCertStore::empty();
                known.add(CertificateDer::from_pem_slice(authority.as_bytes())?)?;
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(known), provider);
                config.with_client_cert_verifier(verifier.build()?)
            }
            None => config.with_no_client_auth(),
        };
        let config = config.with_single_cert(vec![identity.certificate], identity.key)?;
        let (acceptor, listener) =
            (TlsAcceptor::from(Arc::new(config)), TcpListener::bind("127.0.0.1:0").await?);
        let url = format!("https://{}", listener.local_addr()?);
        let task = tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let (acceptor, behind) = (acceptor.clone(), behind.clone());
                // A client that does not trust the certificate ends the handshake.
                tokio::spawn(async move {
                    let mut outside = acceptor.accept(connection).await?;
                    let mut inside = TcpStream::connect(behind).await?;
                    copy_bidirectional(&mut outside, &mut inside).await
                });
            }
        });
        Ok(Self { url, task: task.abort_handle() })
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.task.abort();
    }
}
