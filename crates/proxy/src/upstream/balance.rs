//! Which of several servers gets a request: a pure function of what is known about them.

use crate::spec::Balance;
use std::net::IpAddr;

/// A server that may be chosen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate {
    /// Its place in the upstream.
    pub(crate) index: usize,
    /// Its share, in hundredths of its weight, less while it warms up. Never 0.
    pub(crate) share: u64,
    /// Requests in flight.
    pub(crate) active: u64,
    /// A stable number of its address.
    pub(crate) seed: u64,
}

/// Chooses one of the candidates; `None` when there are none. `turns` is the memory of round robin, one entry per
/// server of the upstream; `random` is a fresh random number.
pub(crate) fn choose(
    balance: Balance,
    candidates: &[Candidate],
    turns: &mut Vec<i64>,
    client: IpAddr,
    random: u64,
) -> Option<usize> {
    match balance {
        Balance::RoundRobin => in_turn(candidates, turns),
        Balance::LeastConnections => {
            let least = candidates.iter().min_by(|one, other| compare_load(one, other))?;
            let equal = || candidates.iter().filter(|one| compare_load(one, least).is_eq());
            // In a calm minute all are equal, and the first one must not get everything.
            draw(equal(), random).map(|candidate| candidate.index)
        }
        Balance::IpHash => {
            let client = network(client);
            let score = |candidate: &Candidate| {
                // Weighted rendezvous hashing: -ln(u) / weight, the smallest wins.
                let unit = ((mix(client ^ candidate.seed) >> 11) as f64 + 1.0) / (1_u64 << 53) as f64;
                -unit.ln() / candidate.share as f64
            };
            candidates.iter().min_by(|one, other| score(one).total_cmp(&score(other))).map(|one| one.index)
        }
        Balance::RandomTwo => {
            let first = draw(candidates.iter(), random)?;
            let others = candidates.iter().filter(|one| one.index != first.index);
            let second = draw(others, mix(random)).unwrap_or(first);
            Some(if compare_load(second, first).is_lt() { second.index } else { first.index })
        }
    }
}

/// Smooth weighted round robin: shares are added to each, the highest is chosen and pays the sum.
fn in_turn(candidates: &[Candidate], turns: &mut Vec<i64>) -> Option<usize> {
    let mut total = 0;
    let mut best: Option<usize> = None;
    for candidate in candidates {
        if turns.len() <= candidate.index {
            turns.resize(candidate.index + 1, 0);
        }
        let share = i64::try_from(candidate.share).unwrap_or(i64::MAX);
        total += share;
        turns[candidate.index] += share;
        if best.is_none_or(|best| turns[candidate.index] > turns[best]) {
            best = Some(candidate.index);
        }
    }
    if let Some(best) = best {
        turns[best] -= total;
    }
    best
}

/// Requests in flight for their share, the coming one included.
fn compare_load(one: &Candidate, other: &Candidate) -> std::cmp::Ordering {
    ((one.active + 1) * other.share).cmp(&((other.active + 1) * one.share))
}

/// One of them, by share.
fn draw<'a>(candidates: impl Iterator<Item = &'a Candidate> + Clone, random: u64) -> Option<&'a Candidate> {
    let total: u64 = candidates.clone().map(|candidate| candidate.share).sum();
    let mut left = random.checked_rem(total)?;
    let mut candidates = candidates;
    candidates.find(|candidate| {
        let found = left < candidate.share;
        left = left.saturating_sub(candidate.share);
        found
    })
}

/// An address as a number; of IPv6 the /64, since devices change the rest at will.
fn network(client: IpAddr) -> u64 {
    match client {
        IpAddr::V4(ip) => u64::from(u32::from(ip)),
        IpAddr::V6(ip) => mix((u128::from(ip) >> 64) as u64),
    }
}

/// Spreads a number over all its bits (the finaliser of SplitMix64).
pub(crate) fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers(given: &[(u64, u64)]) -> Vec<Candidate> {
        let make = |(index, (weight, active)): (usize, &(u64, u64))| Candidate {
            index,
            share: weight * 100,
            active: *active,
            seed: mix(index as u64 + 77),
        };
        given.iter().enumerate().map(make).collect()
    }

    fn client(number: u32) -> IpAddr {
        IpAddr::from(number.to_be_bytes())
    }

    /// How often each server is chosen.
    fn counts(balance: Balance, servers: &[Candidate], rounds: u32) -> Vec<u32> {
        let (mut counts, mut turns) = (vec![0; 8], Vec::new());
        for round in 0..rounds {
            let random = mix(u64::from(round));
            let chosen = choose(balance, servers, &mut turns, client(round * 7), random).unwrap();
            counts[chosen] += 1;
        }
        counts.truncate(servers.iter().map(|one| one.index + 1).max().unwrap_or(0));
        counts
    }

    #[test]
    fn round_robin_gives_exact_shares_and_no_bursts() {
        assert_eq!(counts(Balance::RoundRobin, &servers(&[(5, 0), (1, 0), (1, 0)]), 70), [50, 10, 10]);
        let mut turns = Vec::new();
        let all = servers(&[(2, 0), (1, 0)]);
        let order: Vec<_> =
            (0..6).filter_map(|_| choose(Balance::RoundRobin, &all, &mut turns, client(1), 0)).collect();
        assert_eq!(order, [0, 1, 0, 0, 1, 0]);
    }

    #[test]
    fn least_connections_looks_at_load_for_its_weight_and_spreads_ties() {
        for (given, expected) in [(&[(1, 3), (1, 2)][..], 1), (&[(4, 3), (1, 1)], 0), (&[(1, 0), (10, 8)], 1)]
        {
            let all = servers(given);
            assert_eq!(
                choose(Balance::LeastConnections, &all, &mut Vec::new(), client(1), 9),
                Some(expected)
            );
        }
        let spread = counts(Balance::LeastConnections, &servers(&[(1, 0), (1, 0), (1, 0)]), 300);
        assert!(spread.iter().all(|count| *count > 60), "{spread:?}");
    }

    #[test]
    fn a_client_stays_at_its_server_and_only_clients_of_a_lost_server_move() {
        let all = servers(&[(1, 0), (1, 0), (1, 0), (1, 0)]);
        let without: Vec<_> = all.iter().copied().filter(|one| one.index != 2).collect();
        let of = |servers: &[Candidate], number| {
            choose(Balance::IpHash, servers, &mut Vec::new(), client(number), 0).unwrap()
        };
        for number in 0..2000 {
            let before = of(&all, number);
            assert_eq!(of(&all, number), before);
            assert!(before == 2 || of(&without, number) == before);
        }
        let spread = counts(Balance::IpHash, &servers(&[(3, 0), (1, 0)]), 4000);
        assert!((2800..3200).contains(&spread[0]), "{spread:?}");
        let six = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(network(six("2001:db8::1")), network(six("2001:db8::ffff")));
    }

    #[test]
    fn random_two_avoids_the_busiest_and_follows_weights() {
        let spread = counts(Balance::RandomTwo, &servers(&[(1, 9), (1, 0), (1, 0)]), 600);
        assert_eq!(spread[0], 0, "{spread:?}");
        assert_eq!(counts(Balance::RandomTwo, &servers(&[(1, 5)]), 3), [3]);
        assert_eq!(choose(Balance::RandomTwo, &[], &mut Vec::new(), client(1), 5), None);
    }
}
