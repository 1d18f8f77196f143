//! Policies judged by traces: `cargo bench -p dcache-engine --bench sim -- [--policies a,b] [--gets] [--seed N]
//! [--requests-per-tick N] FILE…`, files as `engine::sim` reads them, compressed by gzip or not.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use dcache_engine::Policy;
use dcache_engine::sim::{Clock, Report, Trace};
use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;

const USAGE: &str = "usage: cargo bench -p dcache-engine --bench sim -- [OPTIONS] FILE...
  FILE                       a trace, time_s,key_id,key_size,value_size,op,ttl_s a line, plain or .gz
  --policies NAME,NAME       default: all but none
  --gets                     take sets as gets
  --seed N                   hash keys otherwise
  --requests-per-tick N      default: 1";

#[derive(Debug, Default)]
struct Options {
    files: Vec<PathBuf>,
    policies: Vec<Policy>,
    clock: Clock,
    all_get: bool,
}

fn main() -> ExitCode {
    if std::env::args().skip(1).all(|argument| argument == "--bench") {
        // One of all benches: without a trace there is nothing to do.
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let Some(options) = options() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let mut report = Report::new(&options.policies, options.clock);
    println!("{}", report.heading());
    for file in &options.files {
        match read(file, options.all_get) {
            Ok(trace) => print!("{}", report.add(&name(file), &trace)),
            Err(error) => {
                eprintln!("{}: {error}", file.display());
                return ExitCode::FAILURE;
            }
        }
    }
    println!("\n{}", report.summary());
    ExitCode::SUCCESS
}

/// `None` when what was asked for makes no sense.
fn options() -> Option<Options> {
    let mut options = Options::default();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            // What cargo adds.
            "--bench" => {}
            "--gets" => options.all_get = true,
            "--seed" => options.clock.seed = arguments.next()?.parse().ok()?,
            "--requests-per-tick" => options.clock.requests_per_tick = arguments.next()?.parse().ok()?,
            "--policies" => {
                let names = arguments.next()?;
                options.policies = names.split(',').map(Policy::from_str).collect::<Result<_, _>>().ok()?;
            }
            other if other.starts_with('-') => return None,
            file => options.files.push(PathBuf::from(file)),
        }
    }
    if options.policies.is_empty() {
        options.policies = Policy::ALL.into_iter().filter(|policy| *policy != Policy::None).collect();
    }
    (!options.files.is_empty()).then_some(options)
}

fn read(file: &Path, all_get: bool) -> io::Result<Trace> {
    // Cargo runs a bench in its package's directory, not where it was called.
    let from_root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file);
    let opened = File::open(file).or_else(|error| File::open(from_root).map_err(|_| error))?;
    let bytes = BufReader::with_capacity(1 << 16, opened);
    let lines: Box<dyn BufRead> = match file.extension() {
        Some(extension) if extension == "gz" => Box::new(BufReader::new(MultiGzDecoder::new(bytes))),
        _ => Box::new(bytes),
    };
    Trace::read(lines, all_get)
}

fn name(file: &Path) -> String {
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    name.split('.').next().unwrap_or_default().to_owned()
}
