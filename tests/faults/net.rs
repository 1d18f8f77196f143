//! Network namespaces, one a node, that can be cut from each other while clients still reach them.

use crate::harness::run;

/// A namespace with one link for clients and one for other nodes, both to the namespace that this process is in, which passes
/// on what goes from node to node.
pub struct Net {
    pub number: u8,
    pub name: String,
    /// For clients and for peers.
    pub hosts: [String; 2],
}

pub fn ip(args: &str) {
    let outcome = run(std::process::Command::new("ip").args(args.split_whitespace()));
    assert_eq!(outcome.code, 0, "ip {args}: {outcome:?}");
}

impl Net {
    pub fn new(number: u8) -> Net {
        let name = format!("dcache-{}-{number}", std::process::id());
        let net = Net { number, name, hosts: [1, 2].map(|link| format!("10.99.{link}{number}.2")) };
        let Net { name, hosts, .. } = &net;
        ip("link set lo up");
        ip(&format!("netns add {name}"));
        ip(&format!("-n {name} link set lo up"));
        for (link, host) in ["c", "p"].iter().zip(hosts) {
            let here = format!("{link}{number}");
            ip(&format!("link add {here} type veth peer name {link} netns {name}"));
            let gate = host.strip_suffix(".2").unwrap();
            ip(&format!("addr add {gate}.1/24 dev {here}"));
            ip(&format!("-n {name} addr add {host}/24 dev {link}"));
            ip(&format!("link set {here} up"));
            ip(&format!("-n {name} link set {link} up"));
        }
        ip(&format!("-n {name} route add default via 10.99.2{number}.1"));
        std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap();
        net
    }

    /// Silence, both ways: nothing says that what was sent is lost.
    pub fn cut(&self) {
        ip(&format!("rule add iif p{} blackhole pref 10", self.number));
        ip(&format!("rule add to {} blackhole pref 10", self.hosts[1]));
    }

    pub fn heal(&self) {
        ip(&format!("rule del iif p{} blackhole pref 10", self.number));
        ip(&format!("rule del to {} blackhole pref 10", self.hosts[1]));
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        // What is left goes with the namespace this process is in.
        let _ = std::process::Command::new("ip").args(["netns", "del", &self.name]).status();
    }
}
