//! Pieces of work among threads, each taken by whoever is free.

use std::sync::Mutex;

/// Does `work` to each of `pieces` on so many threads, this one among them.
pub fn share<T: Send>(
    threads: usize,
    pieces: impl Iterator<Item = T> + Send,
    work: impl Fn(T) + Sync,
) {
    if threads <= 1 {
        return pieces.for_each(work);
    }
    let pieces = Mutex::new(pieces);
    // The lock is held while the next piece is taken, not while it is worked at.
    let next = || pieces.lock().ok()?.next();
    let all = || {
        while let Some(piece) = next() {
            work(piece);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(all);
        }
        all();
    });
}
