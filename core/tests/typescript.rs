//! The TypeScript declarations of core's types: one file, committed, checked by a diff.
//! `UPDATE_TYPES=1 cargo test -p smart-ai-core --features typescript --test typescript` writes it anew.
#![cfg(feature = "typescript")]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use smart_ai_core::wire::{
    Answer, Ask, CallStep, Classification, Embeddings, Feedback, Fleet, FleetConfig, FleetHost, HostServer,
    HostStarter, Outgoing, Piece, Prepare, PrometheusServer, Reply, ServerAccess, Verdict,
};
use smart_ai_core::{
    Config, ConfigError, Decision, DispatchError, Event, Failure, Outcome, Request, Snapshot, Step, Tuning,
};
use ts_rs::{Config as Settings, TS, TypeVisitor};

/// Collects the declarations of a type and of all it refers to, by name.
struct Declarations {
    settings: Settings,
    by_name: BTreeMap<String, String>,
}

impl TypeVisitor for Declarations {
    fn visit<T: TS + 'static + ?Sized>(&mut self) {
        if T::output_path().is_none() || self.by_name.contains_key(&T::ident(&self.settings)) {
            return;
        }
        let docs = T::docs().unwrap_or_default();
        self.by_name.insert(T::ident(&self.settings), format!("{docs}export {}", T::decl(&self.settings)));
        T::visit_dependencies(self);
        T::visit_generics(self);
    }
}

#[test]
fn the_committed_declarations_are_those_of_the_types() -> Result<(), Box<dyn Error>> {
    let mut found =
        Declarations { settings: Settings::default().with_large_int("number"), by_name: BTreeMap::new() };
    found.visit::<Config>();
    found.visit::<ConfigError>();
    found.visit::<Decision>();
    found.visit::<DispatchError>();
    found.visit::<Event>();
    found.visit::<Failure>();
    found.visit::<Outcome>();
    found.visit::<Request>();
    found.visit::<Snapshot>();
    found.visit::<Step>();
    found.visit::<Answer>();
    found.visit::<Ask>();
    found.visit::<CallStep>();
    found.visit::<Classification>();
    found.visit::<Embeddings>();
    found.visit::<Feedback>();
    found.visit::<Fleet>();
    found.visit::<FleetConfig>();
    found.visit::<FleetHost>();
    found.visit::<HostServer>();
    found.visit::<ServerAccess>();
    found.visit::<HostStarter>();
    found.visit::<PrometheusServer>();
    found.visit::<Piece>();
    found.visit::<Outgoing>();
    found.visit::<Prepare>();
    found.visit::<Reply>();
    found.visit::<Tuning>();
    found.visit::<Verdict>();
    let mut text = String::from("// Written by core/tests/typescript.rs from the Rust types. Do not edit.\n");
    for declaration in found.by_name.values() {
        text.push('\n');
        text.push_str(declaration.trim_end());
        text.push('\n');
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("types/core.d.ts");
    if std::env::var_os("UPDATE_TYPES").is_some() {
        std::fs::write(&path, &text)?;
    }
    let committed = std::fs::read_to_string(&path)?;
    assert!(committed == text, "core/types/core.d.ts is not what the types say; run with UPDATE_TYPES=1");
    Ok(())
}
