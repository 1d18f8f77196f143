//! How keys and polls change the state.
