//! Deterministic numbers from a seed (splitmix64): the same on every machine.

/// A small generator.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// 0 to 1, without 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Standard normal (Marsaglia's polar method, SIAM Review 6, 1964).
    pub(crate) fn normal(&mut self) -> f64 {
        // Three draws in four are taken; a bound keeps the rest finite.
        for _ in 0..32 {
            let (x, y) = (2.0 * self.unit() - 1.0, 2.0 * self.unit() - 1.0);
            let square = x * x + y * y;
            if square > 0.0 && square < 1.0 {
                return x * (-2.0 * libm::log(square) / square).sqrt();
            }
        }
        0.0
    }

    /// Gamma of this shape and mean one (Marsaglia and Tsang, ACM TOMS 26, 2000).
    pub(crate) fn gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            let boost = libm::exp(libm::log(1.0 - self.unit()) / shape);
            return self.gamma(shape + 1.0) * boost * (shape + 1.0) / shape;
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        // The first draw is taken in more than 95 of 100 cases; a bound keeps the rest finite.
        for _ in 0..32 {
            let x = self.normal();
            let v = 1.0 + c * x;
            let v = v * v * v;
            if v > 0.0 && libm::log(1.0 - self.unit()) < 0.5 * x * x + d - d * v + d * libm::log(v) {
                return d * v / shape;
            }
        }
        1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_mean_and_the_spread_they_should() {
        let mut random = Random::new(9);
        let count = 40_000;
        for shape in [0.3, 1.0, 4.0] {
            let drawn: Vec<f64> = (0..count).map(|_| random.gamma(shape)).collect();
            let mean = drawn.iter().sum::<f64>() / f64::from(count);
            let variance =
                drawn.iter().map(|one| (one - mean) * (one - mean)).sum::<f64>() / f64::from(count);
            assert!((mean - 1.0).abs() < 0.04, "{shape}: {mean}");
            assert!((variance * shape - 1.0).abs() < 0.1, "{shape}: {variance}");
        }
        let normal: f64 = (0..count).map(|_| random.normal()).sum();
        assert!((normal / f64::from(count)).abs() < 0.02);
    }
}
