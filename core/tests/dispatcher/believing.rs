//! What is believed of hosts that nobody described: their class, their memory.

use smart_ai_core::{
    Config, Device, DropCode, Event, HostConfig, HostReport, HostSnapshot, HostState, Millis, ModelTag,
    ResidentModel,
};

use crate::world::{Fleet, ask};

const GB: f64 = 1e9;

/// The host lists these models (name, gigabytes); those of `resident` are loaded, all of each on a GPU.
fn show(fleet: &mut Fleet, models: &[(&str, f64)], resident: &[&str]) {
    let tag = |(name, gb): &(&str, f64)| ModelTag {
        name: (*name).into(),
        digest: format!("sha256:{name}"),
        size_bytes: (gb * GB) as u64,
        parameters: Some(gb * 1.6e9),
        ..ModelTag::default()
    };
    let loaded = |(name, gb): &&(&str, f64)| ResidentModel {
        name: (*name).into(),
        size_bytes: (gb * GB) as u64,
        vram_bytes: (gb * GB) as u64,
        ..ResidentModel::default()
    };
    let is_loaded = |(name, _): &&(&str, f64)| resident.contains(name);
    let report = HostReport {
        version: None,
        models: Some(models.iter().map(tag).collect()),
        resident: Some(models.iter().filter(is_loaded).map(|model| loaded(&model)).collect()),
    };
    fleet.after(5_000, Event::HostState { host: "pc".into(), state: HostState::Up(report) });
}

fn believed(fleet: &Fleet) -> Option<HostSnapshot> {
    fleet.dispatcher.snapshot().hosts.into_iter().next()
}

fn memory_gb(fleet: &Fleet) -> f64 {
    believed(fleet).map_or(0.0, |host| host.memory_bytes / GB)
}

#[test]
fn the_memory_an_owner_tells_binds_on_a_gpu_too() {
    let told = HostConfig { memory_gb: Some(10.0), ..HostConfig::new("pc") };
    let mut fleet = Fleet::new(Config::new(vec![told]));
    show(&mut fleet, &[("a", 6.0), ("large", 12.0)], &["a"]);
    assert!((memory_gb(&fleet) - 10.0).abs() < 1e-9);
    let decision = fleet.dispatcher.decide(Millis(fleet.now), &ask());
    let dropped = decision.dropped.iter().find(|dropped| dropped.code == DropCode::DoesNotFit);
    assert!(dropped.is_some(), "{decision:?}");
}

#[test]
fn sets_of_models_that_are_loaded_together_and_pushed_out_tell_the_memory_of_a_gpu() {
    let mut fleet = Fleet::of(&["pc"]);
    let models = [("a", 4.0), ("b", 5.0), ("c", 6.0)];
    show(&mut fleet, &models, &["a"]);
    assert!(memory_gb(&fleet).is_finite() && memory_gb(&fleet) > 15.0, "{}", memory_gb(&fleet));
    show(&mut fleet, &models, &["a", "b"]);
    show(&mut fleet, &models, &["a", "c"]);
    show(&mut fleet, &models, &["b", "c"]);
    // 6 + 5 ÷ 0.8 were there together; 6 + 4 + 5 ÷ 0.8 were not.
    let believed = memory_gb(&fleet);
    assert!(believed > 12.2 && believed < 16.3, "{believed}");
}

#[test]
fn a_cold_model_is_priced_by_the_class_of_its_host() {
    let mut fleet = Fleet::of(&["pc"]);
    let rate = |fleet: &Fleet, name: &str| {
        let models = believed(fleet).map(|host| host.models).unwrap_or_default();
        models.iter().find(|model| model.model.as_str() == name).map_or(0.0, |model| model.decode_tok_per_s)
    };
    show(&mut fleet, &[("a", 4.0), ("b", 5.0)], &[]);
    let unknown = rate(&fleet, "b");
    show(&mut fleet, &[("a", 4.0), ("b", 5.0)], &["a"]);
    assert_eq!(believed(&fleet).map(|host| host.device), Some(Device::Gpu));
    assert!(rate(&fleet, "b") > 5.0 * unknown, "{} {unknown}", rate(&fleet, "b"));
    show(&mut fleet, &[("a", 4.0), ("b", 5.0)], &[]);
    assert!(rate(&fleet, "b") > 5.0 * unknown, "an empty GPU is no CPU");
}
