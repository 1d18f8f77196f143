//! Binding and tuning of sockets: no delay, keep-alive, and a bound on how long a dead peer's socket lingers.

use crate::config::ConfigError;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;
use tokio::net::TcpStream;

/// Unacknowledged bytes to another node end the link after this long (`TCP_USER_TIMEOUT`).
const LINK_USER_TIMEOUT: Duration = Duration::from_secs(3);

/// Clients that vanished without a word are noticed after about this long.
const CLIENT_KEEPALIVE: Duration = Duration::from_secs(60);

/// Binds one door. A port in use is an error that says who holds it where the system tells.
pub fn bind(door: &str, flag: &str, address: SocketAddr) -> Result<TcpListener, ConfigError> {
    listen(address).map_err(|error| {
        let failed = ConfigError::failed(format!("cannot listen on {address} ({door} door): {}", plain(&error)));
        if error.kind() != io::ErrorKind::AddrInUse {
            return failed.hint(format!("choose another address: --{flag} 127.0.0.1:0 takes any free port"));
        }
        let holder =
            holder_of(address.port()).map_or("another process holds it".into(), |who| format!("held by {who}"));
        failed
            .why(holder)
            .hint("talk to what runs there: dcache stats")
            .hint(format!("or start another: dcache node start --name n2 --{flag} 127.0.0.1:0"))
    })
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None)?;
    // A restart must not wait for old connections to time out; two listeners on one port stay impossible.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(4096)?;
    Ok(socket.into())
}

fn plain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "address in use".into(),
        io::ErrorKind::PermissionDenied => "permission denied".into(),
        io::ErrorKind::AddrNotAvailable => "this machine has no such address".into(),
        _ => error.to_string(),
    }
}

/// Name and id of the process listening on a TCP port, from `/proc`; `None` where that cannot be read.
fn holder_of(port: u16) -> Option<String> {
    let wanted = format!(":{port:04X}");
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"].iter().find_map(|path| {
        let table = std::fs::read_to_string(path).ok()?;
        table.lines().skip(1).find_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let is_listener = fields.get(3) == Some(&"0A") && fields.get(1).is_some_and(|a| a.ends_with(&wanted));
            is_listener.then(|| fields.get(9).map(ToString::to_string)).flatten()
        })
    })?;
    let socket = format!("socket:[{inode}]");
    std::fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let holds = std::fs::read_dir(entry.path().join("fd"))
            .ok()?
            .flatten()
            .any(|fd| std::fs::read_link(fd.path()).is_ok_and(|target| target.as_os_str() == socket.as_str()));
        let name = std::fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
        holds.then(|| format!("process {pid} ({})", name.trim()))
    })
}

/// For a client's connection.
pub fn tune_client(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let keepalive = socket2::TcpKeepalive::new().with_time(CLIENT_KEEPALIVE).with_interval(Duration::from_secs(20));
    socket2::SockRef::from(stream).set_tcp_keepalive(&keepalive)
}

/// For a link between nodes.
pub fn tune_link(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = socket2::SockRef::from(stream);
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(LINK_USER_TIMEOUT))?;
    let keepalive = socket2::TcpKeepalive::new().with_time(LINK_USER_TIMEOUT).with_interval(Duration::from_secs(1));
    socket.set_tcp_keepalive(&keepalive)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_names_its_holder() {
        let first = bind("gateway", "gateway", "127.0.0.1:0".parse().expect("address")).expect("free port");
        let taken = first.local_addr().expect("bound");
        let error = bind("gateway", "gateway", taken).expect_err("taken");
        assert!(error.message.contains("address in use"), "{error}");
        assert!(!error.usage);
        #[cfg(target_os = "linux")]
        assert!(error.why.expect("holder").contains(&std::process::id().to_string()));
    }
}
