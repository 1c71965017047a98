//! What every driver must know of the wire, written once as pure functions: a driver moves bytes and holds no rule.
