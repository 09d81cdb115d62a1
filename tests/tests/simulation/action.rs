use std::time::Duration;

use hap_host::engine::{EngineErrorKind, Exit, FakeOperation, SimulatedHealth};
use proptest::prelude::*;

/// How many plugins there are. Few, so that one order of events often meets the same plugin twice.
pub(crate) const PLUGINS: usize = 3;

/// One thing that somebody does, or that befalls the machine.
#[derive(Debug, Clone)]
pub(crate) enum Action {
    Wait(Duration),
    Api(usize, Call),
    Plugin(usize, Mishap),
    Hand(usize, Meddling),
    Engine(EngineFault),
    Host(HostFault),
}

/// A call of the embedder.
#[derive(Debug, Clone)]
pub(crate) enum Call {
    Install,
    /// The future is dropped after that long.
    InstallGivenUp(Duration),
    Run,
    Stop,
    Restart,
    /// To a version of its own, which works or does not. The future is dropped after that long.
    Update {
        works: bool,
        waits: Duration,
    },
    RollBack {
        with_data: bool,
    },
    Limit(u32),
    Uninstall {
        with_data: bool,
    },
}

/// What a plugin does.
#[derive(Debug, Clone)]
pub(crate) enum Mishap {
    Exits(i64),
    OutOfMemory,
    ExitsAtEachStart(Option<i64>),
    Answers(SimulatedHealth),
}

/// What somebody does with the engine's own tools.
#[derive(Debug, Clone)]
pub(crate) enum Meddling {
    Remove,
    Pause,
    Resume,
}

#[derive(Debug, Clone)]
pub(crate) enum EngineFault {
    Fails(FakeOperation, EngineErrorKind),
    LosesAnswer(FakeOperation),
    Hangs(FakeOperation),
    Slow(FakeOperation, Duration),
    Away(bool),
    LosesEvents(u32),
    CutsEvents,
}

#[derive(Debug, Clone)]
pub(crate) enum HostFault {
    /// It is gone at once, in the middle of whatever it does, and started again.
    Killed,
    /// It ends in order and leaves the plugins running.
    Leaves,
    /// It ends in order and stops the plugins.
    StopsAll,
}

impl Mishap {
    pub(crate) fn exit(code: i64) -> Exit {
        Exit::code(code)
    }

    pub(crate) fn out_of_memory() -> Exit {
        let mut exit = Exit::code(137);
        exit.oom_killed = true;
        exit
    }
}

pub(crate) fn orders() -> impl Strategy<Value = Vec<Action>> {
    proptest::collection::vec(action(), 1..40)
}

fn action() -> impl Strategy<Value = Action> {
    let plugin = 0..PLUGINS;
    prop_oneof![
        6 => pause().prop_map(Action::Wait),
        6 => (plugin.clone(), call()).prop_map(|(plugin, call)| Action::Api(plugin, call)),
        4 => (plugin.clone(), mishap()).prop_map(|(plugin, mishap)| Action::Plugin(plugin, mishap)),
        2 => (plugin, meddling()).prop_map(|(plugin, what)| Action::Hand(plugin, what)),
        4 => engine().prop_map(Action::Engine),
        1 => host().prop_map(Action::Host),
    ]
}

/// From an instant to minutes, each order of magnitude as often.
fn pause() -> impl Strategy<Value = Duration> {
    prop_oneof![0..50u64, 50..2_000u64, 2_000..30_000u64, 30_000..400_000u64].prop_map(Duration::from_millis)
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        3 => Just(Call::Install),
        1 => (0..40u64).prop_map(|ms| Call::InstallGivenUp(Duration::from_millis(ms))),
        5 => Just(Call::Run),
        2 => Just(Call::Stop),
        2 => Just(Call::Restart),
        3 => (any::<bool>(), pause()).prop_map(|(works, waits)| Call::Update { works, waits }),
        1 => any::<bool>().prop_map(|with_data| Call::RollBack { with_data }),
        1 => (16..256u32).prop_map(Call::Limit),
        1 => any::<bool>().prop_map(|with_data| Call::Uninstall { with_data }),
    ]
}

fn mishap() -> impl Strategy<Value = Mishap> {
    let code = prop_oneof![Just(0), Just(1), Just(78), Just(137), Just(143)];
    let health = prop_oneof![
        Just(SimulatedHealth::Healthy),
        Just(SimulatedHealth::Degraded),
        Just(SimulatedHealth::Failing("no answer".to_owned())),
    ];
    prop_oneof![
        4 => code.clone().prop_map(Mishap::Exits),
        1 => Just(Mishap::OutOfMemory),
        2 => proptest::option::of(code).prop_map(Mishap::ExitsAtEachStart),
        2 => health.prop_map(Mishap::Answers),
    ]
}

fn meddling() -> impl Strategy<Value = Meddling> {
    prop_oneof![
        2 => Just(Meddling::Remove),
        1 => Just(Meddling::Pause),
        1 => Just(Meddling::Resume),
    ]
}

fn operation() -> impl Strategy<Value = FakeOperation> {
    prop_oneof![
        Just(FakeOperation::Prepare),
        Just(FakeOperation::Image),
        Just(FakeOperation::Create),
        Just(FakeOperation::Start),
        Just(FakeOperation::Stop),
        Just(FakeOperation::Remove),
        Just(FakeOperation::RemoveVolumes),
        Just(FakeOperation::CopyVolumes),
        Just(FakeOperation::SetLimits),
        Just(FakeOperation::Inspect),
        Just(FakeOperation::List),
    ]
}

fn engine() -> impl Strategy<Value = EngineFault> {
    let kind = prop_oneof![
        Just(EngineErrorKind::Unavailable),
        Just(EngineErrorKind::Timeout),
        Just(EngineErrorKind::Failed),
        Just(EngineErrorKind::NotFound),
        Just(EngineErrorKind::Conflict),
    ];
    prop_oneof![
        3 => (operation(), kind).prop_map(|(operation, kind)| EngineFault::Fails(operation, kind)),
        3 => operation().prop_map(EngineFault::LosesAnswer),
        2 => operation().prop_map(EngineFault::Hangs),
        2 => (operation(), 0..3_000u64)
            .prop_map(|(operation, ms)| EngineFault::Slow(operation, Duration::from_millis(ms))),
        2 => any::<bool>().prop_map(EngineFault::Away),
        1 => (1..20u32).prop_map(EngineFault::LosesEvents),
        1 => Just(EngineFault::CutsEvents),
    ]
}

fn host() -> impl Strategy<Value = HostFault> {
    prop_oneof![
        3 => Just(HostFault::Killed),
        1 => Just(HostFault::Leaves),
        1 => Just(HostFault::StopsAll),
    ]
}
