//! Compiled kernels, kept for the next run: compiling them takes most of a minute, loading them less than a
//! second.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::sync::Once;

use cubecl::config::cache::CacheConfig;
use cubecl::config::{CubeClRuntimeConfig, RuntimeConfig};

/// The kernels' own text: what was compiled from other text is not theirs, whatever its name.
const SOURCES: [&str; 11] = [
    include_str!("kernels/mod.rs"),
    include_str!("kernels/activation.rs"),
    include_str!("kernels/affine.rs"),
    include_str!("kernels/attention.rs"),
    include_str!("kernels/dropout.rs"),
    include_str!("kernels/heads.rs"),
    include_str!("kernels/norm.rs"),
    include_str!("kernels/optimizer.rs"),
    include_str!("kernels/rows.rs"),
    include_str!("kernels/squares.rs"),
    include_str!("kernels/sums.rs"),
];

/// Has compiled kernels kept in the user's cache, once a process and before the first kernel, unless a
/// `cubecl.toml` says where; not at all where it cannot be told for which card they are.
pub(crate) fn keep_kernels() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let mut config = CubeClRuntimeConfig::from_current_dir().override_from_env();
        if config.compilation.cache.is_none() {
            config.compilation.cache = folder().map(CacheConfig::File);
        }
        CubeClRuntimeConfig::set(config);
    });
}

/// The user's cache, a folder for each text of the kernels on each kind of card.
fn folder() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let cache = cache.filter(|cache| cache.is_absolute()).or_else(home)?;
    let mut hasher = DefaultHasher::new();
    SOURCES.hash(&mut hasher);
    cards()?.hash(&mut hasher);
    Some(
        cache
            .join("act")
            .join(format!("kernels-{:016x}", hasher.finish())),
    )
}

/// The NVIDIA cards of this machine by name, as their driver tells.
fn cards() -> Option<Vec<String>> {
    let folder = std::fs::read_dir("/proc/driver/nvidia/gpus").ok()?;
    let mut models = Vec::new();
    for card in folder {
        let about = std::fs::read_to_string(card.ok()?.path().join("information")).ok()?;
        let model = about.lines().find(|line| line.starts_with("Model:"))?;
        models.push(model.to_string());
    }
    (!models.is_empty()).then_some(models)
}
