//! Which addresses lie on the public internet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether `address` is an ordinary host of the public internet.
///
/// The list is the one of the IANA special-purpose registries: whatever is private, local, shared, reserved, multicast,
/// for documentation, or a wrapper around an IPv4 address is not public.
#[must_use]
pub const fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

const fn is_public_v4(address: Ipv4Addr) -> bool {
    !matches!(
        address.octets(),
        [0 | 10 | 127, ..]            // this network, private, loopback
            | [100, 64..=127, ..]     // carrier-grade NAT
            | [169, 254, ..]          // link-local, where clouds keep their metadata
            | [172, 16..=31, ..]      // private
            | [192, 0, 0 | 2, _]      // protocol assignments, TEST-NET-1
            | [192, 88, 99, _]        // 6to4 relays
            | [192, 168, ..]          // private
            | [198, 18 | 19, ..]      // benchmarks
            | [198, 51, 100, _]       // TEST-NET-2
            | [203, 0, 113, _]        // TEST-NET-3
            | [224..=255, ..] // multicast, reserved, broadcast
    )
}

/// Only 2000::/3 is assigned to hosts. Everything else is refused without a list of its own: the unspecified and the
/// loopback address, IPv4-mapped (`::ffff:0:0/96`) and -compatible ones, NAT64 (`64:ff9b::/96`, `64:ff9b:1::/48`),
/// unique local (`fc00::/7`), link- and site-local (`fe80::/9`), multicast (`ff00::/8`), discard (`100::/64`).
const fn is_public_v6(address: Ipv6Addr) -> bool {
    let host_space = address.segments()[0] & 0xe000 == 0x2000;
    host_space
        && !matches!(
            address.segments(),
            [0x2001, 0..=0x01ff, ..]        // protocol assignments: Teredo, ORCHID, benchmarks
                | [0x2001, 0x0db8, ..]      // documentation
                | [0x2002, ..]              // 6to4, which wraps any IPv4 address
                | [0x3fff, 0..=0x0fff, ..] // documentation
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_hosts_of_the_public_internet_is_public() {
        let refused = [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::808:808",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:0:7f00:1::",
            "2001:10::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:808:808::",
            "3fff::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
            "4000::1",
        ];
        for text in refused {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
        let public = [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "192.169.0.1",
            "198.17.0.1",
            "198.20.0.1",
            "203.0.112.1",
            "223.255.255.255",
            "2001:4860:4860::8888",
            "2606:4700::1111",
            "2a00::1",
        ];
        for text in public {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }
}
