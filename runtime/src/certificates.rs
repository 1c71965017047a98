//! Whose certificates are accepted (the system's authorities, or what an owner names for one server), and which one is shown.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WantsClientCert, WebPkiServerVerifier, verify_server_name};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, ConfigBuilder, DigitallySignedStruct, Error,
    InvalidMessage, RootCertStore, SignatureScheme,
};

/// Makes `ring` do the cryptography of every connection of this process.
pub(crate) fn install_provider() {
    // A second installation is refused, and the first one is the same.
    drop(rustls::crypto::ring::default_provider().install_default());
}

/// The certificates of a PEM text.
///
/// # Errors
/// A text without a certificate, or with something else in its place.
pub(crate) fn chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let named: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let named = named.map_err(|error| format!("is no PEM text: {error}"))?;
    if named.is_empty() {
        return Err("holds no certificate; a PEM text begins with -----BEGIN CERTIFICATE-----".to_owned());
    }
    Ok(named)
}

/// The private key of a PEM text.
///
/// # Errors
/// A text without a key, or with an encrypted one.
pub(crate) fn key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    // Whatever is there instead, an error about it could quote.
    PrivateKeyDer::from_pem_slice(pem).map_err(|_| {
        "holds no key that is not encrypted; openssl rsa or openssl pkey takes a password off".to_owned()
    })
}

/// TLS that accepts what the certificates of a PEM text have signed, and these certificates themselves, and nothing else.
///
/// # Errors
/// A text without a certificate, or with something else in its place.
pub(crate) fn trusting(pem: &[u8]) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, String> {
    let named = chain(pem)?;
    let mut authorities = RootCertStore::empty();
    for certificate in &named {
        authorities.add(certificate.clone()).map_err(|error| format!("is no certificate: {error}"))?;
    }
    let by_authority =
        WebPkiServerVerifier::builder(Arc::new(authorities)).build().map_err(|error| error.to_string())?;
    let verifier = Arc::new(Named { by_authority, certificates: named });
    Ok(ClientConfig::builder().dangerous().with_custom_certificate_verifier(verifier))
}

/// Checks as usual, and lets pass the very certificate that the owner named: a server's certificate that nobody else signed
/// often says of itself that it is an authority, which no server's may.
#[derive(Debug)]
struct Named {
    by_authority: Arc<WebPkiServerVerifier>,
    certificates: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Named {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let checked =
            self.by_authority.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match checked {
            // The times a certificate is valid for are checked before who signed it.
            Err(fault) if !is_out_of_date(&fault) && self.certificates.contains(end_entity) => {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            checked => checked,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.by_authority.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.by_authority.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.by_authority.supported_verify_schemes()
    }
}

fn is_out_of_date(fault: &Error) -> bool {
    matches!(code(fault), Some("CERT_HAS_EXPIRED" | "CERT_NOT_YET_VALID"))
}

/// A fault of TLS by the code that OpenSSL, and so Node, has for it.
#[expect(clippy::wildcard_enum_match_arm, reason = "the enums of rustls grow with each version")]
pub(crate) fn code(fault: &Error) -> Option<&'static str> {
    use CertificateError as Fault;
    match fault {
        Error::InvalidCertificate(fault) => Some(match fault {
            Fault::UnknownIssuer => "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
            Fault::Expired | Fault::ExpiredContext { .. } => "CERT_HAS_EXPIRED",
            Fault::NotValidYet | Fault::NotValidYetContext { .. } => "CERT_NOT_YET_VALID",
            Fault::NotValidForName | Fault::NotValidForNameContext { .. } => "ERR_TLS_CERT_ALTNAME_INVALID",
            Fault::Revoked => "CERT_REVOKED",
            // As `openssl req -x509` makes it: it signed itself, as an authority. rustls has no kind of its own for it.
            Fault::Other(other) if other.0.to_string() == "CaUsedAsEndEntity" => {
                "DEPTH_ZERO_SELF_SIGNED_CERT"
            }
            _ => "CERT_REJECTED",
        }),
        Error::AlertReceived(alert) => match alert {
            AlertDescription::CertificateRequired => Some("ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED"),
            AlertDescription::UnknownCA => Some("ERR_SSL_TLSV1_ALERT_UNKNOWN_CA"),
            AlertDescription::BadCertificate => Some("ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE"),
            AlertDescription::CertificateUnknown => Some("ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN"),
            _ => None,
        },
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => Some("ERR_SSL_WRONG_VERSION_NUMBER"),
        _ => None,
    }
}
