//! What a host computes on, by where `/api/ps` shows its models: in the memory of a GPU or not.

use crate::event::ResidentModel;
use serde::{Deserialize, Serialize};

/// How much faster a GPU reads and writes than a CPU, before anything is learned.
const GPU_FACTOR: f64 = 10.0;

/// The class of a host's hardware.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "core.d.ts"))]
#[serde(rename_all = "snake_case")]
pub enum Device {
    /// No loaded model has been seen.
    #[default]
    Unknown,
    /// Every model seen so far was in main memory.
    Cpu,
    /// A model has been seen with most of it on a GPU.
    Gpu,
}

impl Device {
    /// The class after a look that shows these models in memory.
    pub(crate) fn after(self, resident: &[ResidentModel]) -> Self {
        if resident.iter().any(|model| gpu_share(model).is_some_and(|share| share > 0.5)) {
            return Self::Gpu;
        }
        let in_main_memory = resident.iter().any(|model| gpu_share(model).is_some());
        if self == Self::Unknown && in_main_memory { Self::Cpu } else { self }
    }

    /// How many times faster than a modest CPU a host of this class is taken to be before it is measured.
    pub(crate) fn factor(self) -> f64 {
        match self {
            Self::Unknown | Self::Cpu => 1.0,
            Self::Gpu => GPU_FACTOR,
        }
    }

    /// Speed of a model against the speed it has where all of it is on the host's GPU: `1 ÷ (share + 10 × (1 − share))`, since
    /// each token passes through both parts. A model that was never seen there is taken to fit.
    pub(crate) fn offloaded(self, share: Option<f64>) -> f64 {
        match (self, share) {
            (Self::Gpu, Some(share)) => 1.0 / (share + GPU_FACTOR * (1.0 - share)),
            (Self::Gpu, None) | (Self::Unknown | Self::Cpu, _) => 1.0,
        }
    }
}

/// The share of a loaded model that is on a GPU, 0 to 1; `None` where the host does not say how large it is.
pub(crate) fn gpu_share(model: &ResidentModel) -> Option<f64> {
    (model.size_bytes > 0).then(|| (model.vram_bytes as f64 / model.size_bytes as f64).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(size_bytes: u64, vram_bytes: u64) -> [ResidentModel; 1] {
        [ResidentModel { size_bytes, vram_bytes, ..ResidentModel::default() }]
    }

    #[test]
    fn one_model_on_the_gpu_tells_the_class_of_its_host() {
        let device = Device::default().after(&[]);
        assert_eq!(device, Device::Unknown);
        assert_eq!(device.after(&seen(0, 0)), Device::Unknown, "a host that tells no size tells nothing");
        assert_eq!(device.after(&seen(8, 0)), Device::Cpu);
        assert_eq!(device.after(&seen(8, 0)).after(&seen(8, 8)), Device::Gpu);
        assert_eq!(Device::Gpu.after(&seen(8, 0)), Device::Gpu, "a model too large for it is no other host");
    }

    #[test]
    fn a_model_half_in_main_memory_is_priced_by_its_slow_half() {
        assert!((Device::Gpu.offloaded(Some(1.0)) - 1.0).abs() < 1e-9);
        assert!((Device::Gpu.offloaded(Some(0.0)) - 0.1).abs() < 1e-9);
        assert!(Device::Gpu.offloaded(Some(0.5)) < 0.2);
        assert!((Device::Cpu.offloaded(Some(0.0)) - 1.0).abs() < 1e-9);
    }
}
