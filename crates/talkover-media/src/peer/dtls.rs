//! DTLS with one configuration for all calls. str0m's own provider makes one for each, and each time
//! all ciphers, curves and signatures prove themselves: 2 ms, nine tenths of an answer.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use str0m::crypto::dtls::{
    DtlsCert, DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, DtlsVersion, ProtocolVersion,
};
use str0m::crypto::{CryptoError, CryptoProvider};

/// A flight that is not answered goes again after this, then after twice as long each time. RFC 6347
/// §4.2.4.1 begins with a second, for whoever might congest a network; a handshake that is waited for
/// is a few packets, and where a third of all is lost it takes several such rounds.
const FIRST_RETRY: Duration = Duration::from_millis(200);
/// All together take as long as with a second and four of them.
const RETRIES: usize = 6;

/// str0m's crypto, with this DTLS.
pub(super) fn provider() -> CryptoProvider {
    static ONE: Configured = Configured {
        config: OnceLock::new(),
    };
    CryptoProvider {
        dtls_provider: &ONE,
        ..str0m::crypto::from_feature_flags()
    }
}

#[derive(Debug)]
struct Configured {
    config: OnceLock<Arc<dimpl::Config>>,
}

impl Configured {
    /// The first call's largest packet is that of all: they are configured alike.
    fn config(&self, mtu: Option<usize>) -> Result<Arc<dimpl::Config>, CryptoError> {
        if let Some(config) = self.config.get() {
            return Ok(Arc::clone(config));
        }
        // ICE has proven the address before DTLS begins, as a cookie would.
        let builder = dimpl::Config::builder()
            .use_server_cookie(false)
            .flight_start_rto(FIRST_RETRY)
            .flight_retries(RETRIES);
        let builder = match mtu {
            Some(mtu) => builder.mtu(mtu),
            None => builder,
        };
        let config = builder.build();
        let config = config.map_err(|error| CryptoError::Other(error.to_string()))?;
        Ok(Arc::clone(self.config.get_or_init(|| Arc::new(config))))
    }
}

impl DtlsProvider for Configured {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        dimpl::certificate::generate_self_signed_certificate().ok()
    }

    fn new_dtls(
        &self,
        certificate: &DtlsCert,
        now: Instant,
        version: DtlsVersion,
        mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        let (config, certificate) = (self.config(mtu)?, certificate.clone());
        let dtls = match version {
            DtlsVersion::Dtls12 => dimpl::Dtls::new_12(config, certificate, now),
            DtlsVersion::Dtls13 => dimpl::Dtls::new_13(config, certificate, now),
            DtlsVersion::Auto => dimpl::Dtls::new_auto(config, certificate, now),
            other => return Err(CryptoError::Other(format!("no {other}"))),
        };
        Ok(Box::new(Dtls(dtls)))
    }
}

struct Dtls(dimpl::Dtls);

impl std::fmt::Debug for Dtls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Dtls")
    }
}

impl DtlsInstance for Dtls {
    fn set_active(&mut self, active: bool) {
        self.0.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.0.handle_packet(packet)
    }

    fn poll_output<'a>(&mut self, buffer: &'a mut [u8]) -> DtlsOutput<'a> {
        self.0.poll_output(buffer)
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.0.handle_timeout(now)
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<(), DtlsImplError> {
        self.0.send_application_data(data)
    }

    fn is_active(&self) -> bool {
        self.0.is_active()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.0.protocol_version()
    }

    fn is_closing(&self) -> bool {
        self.0.is_closing()
    }

    fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.0.close()
    }
}
