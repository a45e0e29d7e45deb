//! Reads what the kernel says about a family of processes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

/// The process and all that descend from it.
pub(crate) fn family(root: u32) -> BTreeSet<u32> {
    let parents = parents();
    let mut family = BTreeSet::from([root]);
    // A child may have a smaller number than its parent: go round until nobody is added.
    loop {
        let before = family.len();
        for (process, parent) in &parents {
            if family.contains(parent) {
                family.insert(*process);
            }
        }
        if family.len() == before {
            return family;
        }
    }
}

/// The direct children of a process, those that have died but were not waited for included.
pub(crate) fn children(parent: u32) -> Vec<u32> {
    let mut parents = parents();
    parents.retain(|_, of| *of == parent);
    parents.into_keys().collect()
}

/// The CPU time of all threads that these processes have now.
pub(crate) fn cpu(processes: &BTreeSet<u32>) -> Result<Duration, String> {
    let mut nanos = 0;
    for process in processes {
        // A process that has gone since the family was listed counts nothing.
        let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else {
            continue;
        };
        for thread in threads.flatten() {
            let path = thread.path().join("schedstat");
            let Ok(text) = fs::read_to_string(&path) else {
                continue;
            };
            let ran = text.split(' ').next().and_then(|field| field.parse().ok());
            let ran: u64 = ran.ok_or_else(|| format!("{}: `{text}`", path.display()))?;
            nanos += ran;
        }
    }
    Ok(Duration::from_nanos(nanos))
}

/// The proportional set size of all the processes together, in KiB.
pub(crate) fn proportional_set_size(processes: &BTreeSet<u32>) -> Result<u64, String> {
    processes
        .iter()
        .map(|process| {
            let path = format!("/proc/{process}/smaps_rollup");
            let text = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
            text.lines()
                .find_map(|line| line.strip_prefix("Pss:"))
                .and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<u64>().ok())
                .ok_or_else(|| format!("{path}: no line `Pss:`"))
        })
        .sum()
}

/// What the kernel has allocated for itself, sockets included, in KiB; of the whole machine.
pub(crate) fn slab() -> Result<u64, String> {
    let path = "/proc/meminfo";
    let text = fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    text.lines()
        .find_map(|line| line.strip_prefix("Slab:"))
        .and_then(|rest| rest.trim().strip_suffix(" kB")?.parse().ok())
        .ok_or_else(|| format!("{path}: no line `Slab:`"))
}

/// Every process and its parent.
fn parents() -> BTreeMap<u32, u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let process = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            // The name before the last bracket may contain anything.
            let (_, fields) = stat.rsplit_once(") ")?;
            let parent = fields.split(' ').nth(1)?.parse().ok()?;
            Some((process, parent))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{cpu, family, proportional_set_size};

    #[test]
    fn this_process_belongs_to_the_family_of_its_parent_and_has_used_time_and_memory() {
        let own = std::process::id();
        assert!(family(std::os::unix::process::parent_id()).contains(&own));
        let alone = [own].into();
        assert!(cpu(&alone).unwrap().as_nanos() > 0);
        assert!(proportional_set_size(&alone).unwrap() > 0);
    }
}
