// SPDX-License-Identifier: GPL-2.0-or-later
// A benchmark of which one knows how long it takes: as long as N says.
use criterion::{black_box, criterion_group, criterion_main, Criterion};
use std::time::Duration;

fn add(c: &mut Criterion) {
    let n: u64 = std::env::var("N").unwrap().parse().unwrap();
    for times in [1, 2] {
        c.bench_function(&format!("add/{}", times), |b| {
            b.iter(|| (0..n * times).fold(0, |sum, i| black_box(sum + i)))
        });
    }
}
criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(20))
        .measurement_time(Duration::from_millis(50));
    targets = add
}
criterion_main!(benches);
