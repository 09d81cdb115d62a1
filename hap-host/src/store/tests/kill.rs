use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

use super::*;

/// Set for the child that is to be killed: where its store is.
const VICTIM: &str = "HAP_TEST_STORE_VICTIM";

/// What the child does until it is killed: stores events and wishes, and says what
/// was acknowledged.
#[tokio::test]
#[ignore = "only as the child of the test below"]
async fn victim() {
    let Ok(path) = std::env::var(VICTIM) else { return };
    let (store, _) = Store::open(path.into()).await.unwrap();
    for n in 0_u64.. {
        let seq = append(&store, "light", &[&n.to_string(), &format!("{n}-b")])
            .await
            .unwrap()[1]
            .seq;
        store.put_plugin(&record(&format!("plugin-{n}"))).await.unwrap();
        println!("acknowledged {seq} {n}");
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let folder = folder();
    for round in 1..=3 {
        let path = folder.path().join(round.to_string());
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "store::tests::kill::victim",
                "--ignored",
                "--nocapture",
            ])
            .env(VICTIM, &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut acknowledged = (0, 0);
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut count = 0;
        for line in lines {
            let line = line.unwrap();
            // The test harness prints its own words on the same line before.
            let Some((_, numbers)) = line.split_once("acknowledged ") else {
                continue;
            };
            let (seq, n) = numbers.split_once(' ').unwrap();
            acknowledged = (seq.parse::<u64>().unwrap(), n.parse::<u64>().unwrap());
            count += 1;
            if count == round * 20 {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();

        // The lock went with the process, and the log holds at least what was acknowledged,
        // in whole batches.
        let (store, loaded) = Store::open(path).await.unwrap();
        assert!(store.last_seq() >= acknowledged.0);
        assert_eq!(store.last_seq() % 2, 0);
        assert!(loaded.plugins.len() as u64 > acknowledged.1);
        assert!(loaded.corrupt.is_empty());
        let found = read(&store, 0, 500, &Filter::default()).await;
        assert_eq!(found.len() as u64, store.last_seq());
        assert!(
            found
                .chunks(2)
                .enumerate()
                .all(|(n, pair)| pair == [n.to_string(), format!("{n}-b")])
        );
    }
}
