//! `contactd cluster`: the nodes that keep one log, as a running one of them sees it, and what they
//! are to do.

use std::io::Write;

use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::{Server, block_on, cut_off};
use super::exit::Failure;
use super::options::ServerOptions;

/// The subcommands of `contactd cluster`.
#[derive(Subcommand)]
pub enum ClusterCommand {
    /// Show the nodes; the exit code is 1 where not all is well
    Status(NodeOptions),
    /// Have another node lead; returns when one does
    Yield(NodeOptions),
    /// Have the cluster go on from the log of the node that is asked, where nodes contradict each other or
    /// too few are left; returns when it leads
    Reseed(ReseedOptions),
    /// Say that the disks which a node had before are destroyed, and its disk too where the node is away
    Forget(ForgetOptions),
}

/// The node whose log stays, and that this is meant.
#[derive(Args)]
pub struct ReseedOptions {
    /// Go on from the log of the node that --url names
    #[arg(long, required = true)]
    from_this: bool,
    /// Lose what other nodes alone have
    #[arg(long, required = true)]
    accept_loss: bool,
    #[command(flatten)]
    asked: NodeOptions,
}

/// The node whose disks are destroyed.
#[derive(Args)]
pub struct ForgetOptions {
    /// The name of the node
    node: String,
    #[command(flatten)]
    asked: NodeOptions,
}

/// The node that is asked.
#[derive(Args)]
pub struct NodeOptions {
    #[command(flatten)]
    server: ServerOptions,
}

#[derive(Deserialize)]
struct Cluster {
    node: String,
    role: String,
    term: u64,
    head: u64,
    settled: u64,
    log: String,
    halted: Option<String>,
    nodes: Vec<Node>,
    #[serde(default)]
    former: Vec<Former>,
    #[serde(default)]
    set_aside: Vec<String>,
}

#[derive(Deserialize)]
struct Node {
    node: String,
    role: String,
    position: Option<u64>,
    root_equal: Option<bool>,
    erased_through: Option<u64>,
    cosigned: Option<u64>,
    version: Option<String>,
    seen_seconds_ago: Option<u64>,
}

#[derive(Deserialize)]
struct Former {
    node: String,
    key: String,
    cosigned: u64,
}

#[derive(Deserialize)]
struct Forgotten {
    forgotten: Vec<String>,
}

#[derive(Deserialize)]
struct Led {
    leader: String,
    term: u64,
}

/// A node that was not heard of for longer than so many seconds is away.
const SILENT_SECONDS_MAX: u64 = 10;

/// Runs the subcommand.
///
/// # Errors
/// The service does not answer, is in no cluster, or not all is well with that.
pub fn run(command: &ClusterCommand) -> Result<(), Failure> {
    match command {
        ClusterCommand::Status(options) => block_on(status(options)),
        ClusterCommand::Yield(options) => block_on(hand_over(options)),
        ClusterCommand::Reseed(options) => block_on(reseed(options)),
        ClusterCommand::Forget(options) => block_on(forget(options)),
    }
}

/// The node that the options name.
fn server(options: &NodeOptions) -> Result<Server, Failure> {
    Server::of(&options.server)?
        .ok_or_else(|| Failure::usage("say where a node runs: --url http://127.0.0.1:8080"))
}

async fn hand_over(options: &NodeOptions) -> Result<(), Failure> {
    let response = server(options)?
        .post("/cluster/yield", &Value::Null)
        .await?;
    let Led { leader, term } = response.json().await.map_err(cut_off)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{leader} leads, in term {term}").map_err(Failure::failed)
}

async fn reseed(options: &ReseedOptions) -> Result<(), Failure> {
    let body = json!({"acceptLoss": options.accept_loss && options.from_this});
    let response = server(&options.asked)?
        .post("/cluster/reseed", &body)
        .await?;
    let Led { leader, term } = response.json().await.map_err(cut_off)?;
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{leader} leads, in term {term}, and its log is the cluster's"
    )
    .map_err(Failure::failed)
}

async fn forget(options: &ForgetOptions) -> Result<(), Failure> {
    let body = json!({"node": options.node});
    let response = server(&options.asked)?
        .post("/cluster/forget", &body)
        .await?;
    let Forgotten { forgotten } = response.json().await.map_err(cut_off)?;
    let mut out = std::io::stdout().lock();
    if forgotten.is_empty() {
        let cluster = seen_by(&options.asked).await?;
        return Err(Failure::failed(nothing_forgotten(&cluster, &options.node)));
    }
    for key in forgotten {
        writeln!(out, "forgotten: {key}").map_err(Failure::failed)?;
    }
    Ok(())
}

/// The cluster as the node that is asked sees it.
async fn seen_by(options: &NodeOptions) -> Result<Cluster, Failure> {
    let response = server(options)?.get("/cluster", "application/json").await?;
    response.json().await.map_err(cut_off)
}

/// The reason for which there was no disk to forget, and what can be done.
fn nothing_forgotten(cluster: &Cluster, name: &str) -> String {
    let nodes = || cluster.nodes.iter();
    match nodes().find(|node| node.node == name) {
        None => {
            let names: Vec<&str> = nodes().map(|node| node.node.as_str()).collect();
            let names = names.join(", ");
            format!(
                "{name} is no node of this cluster, and no disk of a node of that name is known; its \
                 nodes are {names}. Give the name of one whose disk is destroyed"
            )
        }
        Some(node) => {
            let is_there = |seconds| seconds <= SILENT_SECONDS_MAX;
            match node.seen_seconds_ago.is_some_and(is_there) {
                true => format!(
                    "no disk of {name} is known but the one it has; where that is to be destroyed, \
                     stop {name} first, and ask again {SILENT_SECONDS_MAX} s later"
                ),
                false => format!("no disk of {name} is known: there is nothing to forget"),
            }
        }
    }
}

async fn status(options: &NodeOptions) -> Result<(), Failure> {
    let cluster = seen_by(options).await?;
    let shown = show(&cluster, &mut std::io::stdout().lock());
    shown.map_err(Failure::failed)?;
    match wrong(&cluster) {
        wrong if wrong.is_empty() => Ok(()),
        wrong => Err(Failure::failed(wrong.join("; "))),
    }
}

fn show(cluster: &Cluster, out: &mut impl Write) -> std::io::Result<()> {
    let number = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), |n| n.to_string());
    writeln!(
        out,
        "{} is {} · term {} · head {} · settled {} · log {}",
        cluster.node, cluster.role, cluster.term, cluster.head, cluster.settled, cluster.log
    )?;
    writeln!(
        out,
        "{:<20} {:<9} {:>12} {:<9} {:>14} {:>12} {:>8} {:>8}",
        "NODE", "ROLE", "POSITION", "SAME LOG", "ERASED THROUGH", "PROVEN", "SEEN", "VERSION"
    )?;
    for node in &cluster.nodes {
        let same = match node.root_equal {
            Some(true) => "yes",
            Some(false) => "NO",
            None => "-",
        };
        let seen = node.seen_seconds_ago.map(|seconds| format!("{seconds} s"));
        writeln!(
            out,
            "{:<20} {:<9} {:>12} {same:<9} {:>14} {:>12} {:>8} {:>8}",
            node.node,
            node.role,
            number(node.position),
            number(node.erased_through),
            number(node.cosigned),
            seen.as_deref().unwrap_or("-"),
            node.version.as_deref().unwrap_or("-"),
        )?;
    }
    Ok(())
}

/// The sentence for a cluster in which no node leads. Where some have halted or join, those that are left
/// may not know which log stays.
fn leaderless(cluster: &Cluster) -> &'static str {
    let is_out = |node: &Node| matches!(node.role.as_str(), "halted" | "joining");
    match cluster.nodes.iter().any(is_out) {
        true => {
            "no node leads; if that stays so while all nodes run, decide whose log goes on: \
             contactd cluster reseed --from-this --accept-loss at that node"
        }
        false => "no node leads",
    }
}

/// A sentence for each thing that an operator should look at; none where all is well.
fn wrong(cluster: &Cluster) -> Vec<String> {
    let mut wrong = Vec::new();
    if let Some(halted) = &cluster.halted {
        wrong.push(format!("{} has halted: {halted}", cluster.node));
    }
    if !cluster.nodes.iter().any(|node| node.role == "leader") {
        wrong.push(leaderless(cluster).to_owned());
    }
    for Node {
        node,
        role,
        root_equal,
        seen_seconds_ago,
        ..
    } in &cluster.nodes
    {
        if !matches!(role.as_str(), "leader" | "follower") {
            wrong.push(format!("{node} is {role}"));
        }
        if *root_equal == Some(false) {
            wrong.push(format!("{node} has another log"));
        }
        match seen_seconds_ago {
            None => wrong.push(format!("{node} was never heard of")),
            Some(seconds) if *seconds > SILENT_SECONDS_MAX => {
                wrong.push(format!("{node} was last heard of {seconds} s ago"));
            }
            Some(_) => {}
        }
    }
    for directory in &cluster.set_aside {
        wrong.push(format!(
            "{} keeps a log that was set aside, with its contacts' keys, in {directory}; remove it \
             once it was looked at",
            cluster.node
        ));
    }
    for Former {
        node,
        key,
        cosigned,
    } in &cluster.former
    {
        wrong.push(format!(
            "{node} had another disk, {key}, which has not proven what was erased after {cosigned}; \
             once it is destroyed: contactd cluster forget {node}"
        ));
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    type Change = fn(&mut Cluster);

    fn cluster(change: impl FnOnce(&mut Cluster)) -> Cluster {
        let node = |name: &str, role: &str| Node {
            node: name.to_owned(),
            role: role.to_owned(),
            position: Some(5),
            root_equal: Some(true),
            erased_through: Some(5),
            cosigned: Some(5),
            version: Some("9.8.7".to_owned()),
            seen_seconds_ago: Some(0),
        };
        let mut cluster = Cluster {
            node: "a".to_owned(),
            role: "leader".to_owned(),
            term: 1,
            head: 5,
            settled: 5,
            log: "a-log".to_owned(),
            halted: None,
            nodes: vec![node("a", "leader"), node("b", "follower")],
            former: Vec::new(),
            set_aside: Vec::new(),
        };
        change(&mut cluster);
        cluster
    }

    #[test]
    fn what_is_not_well_is_said_and_nothing_else() {
        assert!(wrong(&cluster(|_| {})).is_empty());
        let cases: [(Change, &str); 9] = [
            (
                |c| c.halted = Some("a fork".to_owned()),
                "a has halted: a fork",
            ),
            (
                |c| c.nodes[0].role = "cut_off".to_owned(),
                "no node leads; a is cut_off",
            ),
            (
                |c| {
                    c.nodes[0].role = "cut_off".to_owned();
                    c.nodes[1].role = "halted".to_owned();
                },
                "no node leads; if that stays so while all nodes run, decide whose log goes on: \
                 contactd cluster reseed --from-this --accept-loss at that node; a is cut_off; b is \
                 halted",
            ),
            (|c| c.nodes[1].role = "joining".to_owned(), "b is joining"),
            (|c| c.nodes[1].root_equal = Some(false), "b has another log"),
            (
                |c| c.nodes[1].seen_seconds_ago = None,
                "b was never heard of",
            ),
            (
                |c| c.nodes[1].seen_seconds_ago = Some(11),
                "b was last heard of 11 s ago",
            ),
            (
                |c| {
                    c.former.push(Former {
                        node: "b".to_owned(),
                        key: "a-key".to_owned(),
                        cosigned: 4,
                    });
                },
                "b had another disk, a-key, which has not proven what was erased after 4; once it \
                 is destroyed: contactd cluster forget b",
            ),
            (
                |c| c.set_aside.push("diverged-7".to_owned()),
                "a keeps a log that was set aside, with its contacts' keys, in diverged-7; remove \
                 it once it was looked at",
            ),
        ];
        for (change, said) in cases {
            assert_eq!(wrong(&cluster(change)).join("; "), said);
        }
    }

    #[test]
    fn whoever_has_no_disk_to_forget_is_told_why() {
        for (name, said) in [
            (
                "x",
                "x is no node of this cluster, and no disk of a node of that name is known; its \
                 nodes are a, b. Give the name of one whose disk is destroyed",
            ),
            (
                "a",
                "no disk of a is known but the one it has; where that is to be destroyed, stop a \
                 first, and ask again 10 s later",
            ),
            ("b", "no disk of b is known: there is nothing to forget"),
        ] {
            let seen = cluster(|c| c.nodes[1].seen_seconds_ago = None);
            assert_eq!(nothing_forgotten(&seen, name), said);
        }
    }

    #[test]
    fn every_node_has_a_line() {
        let mut out = Vec::new();
        let of_earlier = |c: &mut Cluster| {
            c.nodes[1].position = None;
            c.nodes[1].version = None;
        };
        show(&cluster(of_earlier), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4);
        assert!(lines[1].ends_with(" VERSION"), "{text}");
        assert!(lines[2].ends_with(" 9.8.7"), "{text}");
        assert!(lines[3].ends_with(" -"), "{text}");
        assert!(lines[0].starts_with("a is leader · term 1 · head 5 · settled 5"));
        assert!(
            lines[3].starts_with("b ") && lines[3].contains(" - "),
            "{text}"
        );
    }
}
