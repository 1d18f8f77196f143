//! redis-rs and fred against a dcache cluster: `dcache-client-tests CLUSTER_DOOR GATEWAY`, each `host:port`.
//! The same work as the other clients of this folder; every byte read back is compared.

use anyhow::{Context, Result, ensure};

const KEYS: usize = 10_000;

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let cluster_door = args.next().context("cluster door")?;
    let gateway = args.next().context("gateway")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        for protocol in ["resp2", "resp3"] {
            redis_rs(&cluster_door, &gateway, protocol).await.with_context(|| format!("redis-rs {protocol}"))?;
            with_fred(&cluster_door, &gateway, protocol).await.with_context(|| format!("fred {protocol}"))?;
        }
        Ok(())
    })
}

/// Ten keys share a hash tag, so that some multi-key commands stay in one slot.
fn key(label: &str, n: usize) -> String {
    format!("{label}:{{g{}}}:{n}", n / 10)
}

fn value(n: usize) -> Vec<u8> {
    let mut state = n as u32;
    (0..1 + n * 7919 % 900)
        .map(|_| {
            state = state.wrapping_mul(1_103_515_245).wrapping_add(12345);
            (state >> 16) as u8
        })
        .collect()
}

async fn redis_rs(cluster_door: &str, gateway: &str, protocol: &str) -> Result<()> {
    let query = if protocol == "resp3" { "?protocol=resp3" } else { "" };
    let client = redis::cluster::ClusterClient::new(vec![format!("redis://{cluster_door}/{query}")])?;
    let mut connection = client.get_async_connection().await?;
    let label = format!("rs-cluster-{protocol}");
    redis_rs_work(&mut connection, &label).await?;
    println!("ok {label}: {KEYS} keys");

    let client = redis::Client::open(format!("redis://{gateway}/{query}"))?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    let label = format!("rs-gateway-{protocol}");
    redis_rs_work(&mut connection, &label).await?;
    let mut cursor = 0u64;
    let mut seen = std::collections::BTreeSet::new();
    loop {
        let (next, keys): (u64, Vec<String>) = redis::cmd("SCAN")
            .arg(cursor)
            .arg("MATCH")
            .arg(format!("{label}:*"))
            .arg("COUNT")
            .arg(500)
            .query_async(&mut connection)
            .await?;
        seen.extend(keys);
        cursor = next;
        if cursor == 0 {
            break;
        }
    }
    ensure!(seen.len() == KEYS, "SCAN saw {} of {KEYS}", seen.len());
    println!("ok {label}: {KEYS} keys");
    Ok(())
}

async fn redis_rs_work<C: redis::aio::ConnectionLike>(connection: &mut C, label: &str) -> Result<()> {
    for n in 0..KEYS {
        let reply: String = redis::cmd("SET").arg(key(label, n)).arg(value(n)).query_async(connection).await?;
        ensure!(reply == "OK");
    }
    for n in 0..KEYS {
        let got: Vec<u8> = redis::cmd("GET").arg(key(label, n)).query_async(connection).await?;
        ensure!(got == value(n), "GET {}", key(label, n));
    }
    for at in (0..KEYS).step_by(10) {
        let mut mget = redis::cmd("MGET");
        (at..at + 10).for_each(|n| {
            mget.arg(key(label, n));
        });
        let got: Vec<Vec<u8>> = mget.query_async(connection).await?;
        ensure!(got.iter().enumerate().all(|(i, bytes)| *bytes == value(at + i)), "MGET at {at}");
    }
    for n in 0..100 {
        let set: i64 = redis::cmd("EXPIRE").arg(key(label, n)).arg(1000).query_async(connection).await?;
        let ttl: i64 = redis::cmd("TTL").arg(key(label, n)).query_async(connection).await?;
        ensure!(set == 1 && (901..=1000).contains(&ttl), "EXPIRE {set} TTL {ttl}");
    }
    Ok(())
}

async fn with_fred(cluster_door: &str, gateway: &str, protocol: &str) -> Result<()> {
    use fred::prelude::*;
    let (cluster_host, cluster_port) = cluster_door.rsplit_once(':').context("host:port")?;
    let (gateway_host, gateway_port) = gateway.rsplit_once(':').context("host:port")?;
    let servers = [
        ("cluster", ServerConfig::new_clustered(vec![(cluster_host, cluster_port.parse()?)])),
        ("gateway", ServerConfig::new_centralized(gateway_host, gateway_port.parse()?)),
    ];
    for (door, server) in servers {
        let label = format!("fred-{door}-{protocol}");
        let version = if protocol == "resp3" { fred::types::RespVersion::RESP3 } else { fred::types::RespVersion::RESP2 };
        let config = Config { server, version, fail_fast: true, ..Config::default() };
        let client = Builder::from_config(config).build()?;
        client.init().await?;
        fred_work(&client, &label).await?;
        fred_scan(&client, &label, door == "cluster").await?;
        client.quit().await?;
        println!("ok {label}: {KEYS} keys");
    }
    Ok(())
}

async fn fred_work(client: &fred::prelude::Client, label: &str) -> Result<()> {
    use fred::prelude::*;
    for n in 0..KEYS {
        let _: () = client.set(key(label, n), value(n).as_slice(), None, None, false).await?;
    }
    for n in 0..KEYS {
        let got: Vec<u8> = client.get::<fred::bytes::Bytes, _>(key(label, n)).await?.to_vec();
        ensure!(got == value(n), "GET {}", key(label, n));
    }
    for at in (0..KEYS).step_by(10) {
        let names: Vec<String> = (at..at + 10).map(|n| key(label, n)).collect();
        let got: Vec<fred::bytes::Bytes> = client.mget(names).await?;
        ensure!(got.iter().enumerate().all(|(i, bytes)| **bytes == value(at + i)), "MGET at {at}");
    }
    for n in 0..100 {
        let set: i64 = client.expire(key(label, n), 1000, None).await?;
        let ttl: i64 = client.ttl(key(label, n)).await?;
        ensure!(set == 1 && (901..=1000).contains(&ttl), "EXPIRE {set} TTL {ttl}");
    }
    Ok(())
}

async fn fred_scan(client: &fred::prelude::Client, label: &str, clustered: bool) -> Result<()> {
    use fred::types::scan::Scanner;
    use futures::TryStreamExt;
    let pattern = format!("{label}:*");
    let mut seen = std::collections::BTreeSet::new();
    if clustered {
        let mut pages = client.scan_cluster(pattern, Some(500), None);
        while let Some(mut page) = pages.try_next().await? {
            seen.extend(page.take_results().unwrap_or_default().into_iter().filter_map(|k| k.into_string()));
            page.next();
        }
    } else {
        let mut pages = client.scan(pattern, Some(500), None);
        while let Some(mut page) = pages.try_next().await? {
            seen.extend(page.take_results().unwrap_or_default().into_iter().filter_map(|k| k.into_string()));
            page.next();
        }
    }
    ensure!(seen.len() == KEYS, "SCAN saw {} of {KEYS}", seen.len());
    Ok(())
}
