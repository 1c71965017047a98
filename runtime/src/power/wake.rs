//! A machine that sleeps, woken by a packet to its hardware address. How it is put to sleep its owner says by a command.

use async_trait::async_trait;
use smart_ai_core::{ConfigError, Failure};
use tokio::net::UdpSocket;
use wakey::WolPacket;

use super::command::{Command, stop};
use super::{Power, failed};

/// Every machine of the local network hears it; port 9 discards what it is sent.
const BROADCAST: &str = "255.255.255.255:9";
/// A packet may be lost on its way.
const PACKETS: usize = 3;

/// One machine.
#[derive(Debug)]
pub(super) struct Machine {
    packet: WolPacket,
    broadcast: String,
    suspend: Option<Command>,
}

impl Machine {
    /// # Errors
    /// An address that is not a hardware address.
    pub(super) fn new(
        address: &str,
        broadcast: Option<&str>,
        suspend: Option<Command>,
    ) -> Result<Self, ConfigError> {
        let packet = WolPacket::from_string(address.replace('-', ":"), ':')
            .map_err(|error| ConfigError::new("start.wake", error.to_string()))?;
        Ok(Self { packet, broadcast: broadcast.unwrap_or(BROADCAST).to_owned(), suspend })
    }

    async fn send(&self) -> std::io::Result<()> {
        let socket = UdpSocket::bind(("0.0.0.0", 0)).await?;
        socket.set_broadcast(true)?;
        let packet = self.packet.clone().into_inner();
        for _ in 0..PACKETS {
            socket.send_to(&packet, &self.broadcast).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Power for Machine {
    async fn start(&self) -> Result<(), Failure> {
        self.send().await.map_err(|error| failed(format!("no packet could be sent to wake it: {error}")))
    }

    async fn stop(&self) -> Result<(), Failure> {
        stop(self.suspend.as_ref()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_packet_holds_the_address_sixteen_times() -> Result<(), Box<dyn std::error::Error>> {
        let ear = UdpSocket::bind(("127.0.0.1", 0)).await?;
        let place = ear.local_addr()?.to_string();
        let machine = Machine::new("00-11-22-33-44-ff", Some(&place), None)?;
        machine.start().await.map_err(|failure| failure.detail)?;
        let mut heard = [0; 200];
        let (length, _) = ear.recv_from(&mut heard).await?;
        let address = [0x00, 0x11, 0x22, 0x33, 0x44, 0xff];
        assert_eq!(heard.get(..length), Some([vec![0xff; 6], address.repeat(16)].concat().as_slice()));
        assert!(machine.stop().await.is_err_and(|failure| failure.detail.contains("stop_command")));
        Ok(())
    }
}
