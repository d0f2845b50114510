namespace KdPlugins.Core

open System
open System.Collections.Generic
open TorchSharp
open TorchSharp.Modules


/// State that a strategy owns. What is registered is in every checkpoint and comes back on resume without the
/// strategy's help. Names are unique within the run.
type IStateRegistry =

    /// A module's parameters and buffers.
    abstract Register: name: string * state: torch.nn.Module -> unit

    /// A tensor that is changed in place; trained where it is part of a trainable.
    abstract Register: name: string * state: Parameter -> unit

    /// A counter.
    abstract Counter: name: string * initial: int64 -> ICounter

    /// Rows that grow (synthesised samples, a feature bank): every named column has the same number of rows.
    abstract Pool: name: string * capacity: int64 -> IPool

/// A number that is part of the checkpoint.
and ICounter =

    /// The number.
    abstract Value: int64 with get, set

/// Rows of named columns that are part of the checkpoint.
and IPool =

    /// The number of rows.
    abstract Count: int64

    /// The names of the columns.
    abstract Columns: IReadOnlyCollection<string>

    /// Appends rows: one tensor [K, ...] per column, copied. Beyond the capacity the oldest rows go (0: no limit).
    abstract Append: rows: IReadOnlyDictionary<string, Tensor> -> unit

    /// Rows [K] of a column.
    abstract Read: column: string * rows: Tensor -> Tensor

    /// Removes all rows.
    abstract Clear: unit -> unit

/// The recipe's training section, as far as plans depend on it.
[<Sealed>]
type TrainingPlan
    (
        epochs: int64,
        batchSize: int64,
        optimiser: OptimiserSettings,
        schedule: Func<Progress, double>,
        precision: torch.ScalarType
    ) =

    /// The number of epochs that the recipe asks for.
    member _.Epochs = epochs

    /// Samples per batch of a source. Where the recipe accumulates gradients, an update is made of several batches.
    member _.BatchSize = batchSize

    /// The recipe's optimiser.
    member _.Optimiser = optimiser

    /// The recipe's schedule: the learning rate's multiplier by progress.
    member _.Schedule = schedule

    /// Float32, or BFloat16 for autocast.
    member _.Precision = precision

/// What a strategy plans with: the run as the recipe composed it.
type IPlanContext =

    /// The recipe's training section.
    abstract Training: TrainingPlan

    /// The device that everything lives on.
    abstract Device: torch.Device

    /// What the main data set holds.
    abstract Data: DataInfo

    /// Where that comes from which the run makes: recipe and its SHA-256, method, seed, build, and the
    /// fingerprints of all data.
    /// For the cards of what is exported.
    abstract Origin: IReadOnlyDictionary<string, string>

    /// The roles that the recipe fills.
    abstract Roles: IReadOnlyCollection<string>

    /// The ids of the recipe's losses that need a teacher, in the recipe's order.
    abstract TeacherLosses: IReadOnlyCollection<string>

    /// A role's network. Raises KDP0301 where the recipe has none.
    abstract Network: role: string -> INetwork

    /// A new network of the same architecture as a role's, with weights drawn for the key; not part of the checkpoint
    /// unless registered. classes: outputs of the main head, 0 for the data set's.
    abstract NewNetwork: role: string * key: RandomKey * classes: int64 -> INetwork

    /// Adds a role at plan time (an assistant, an exponential average, a self-teacher): the engine moves it to the
    /// device and keeps it in the checkpoint.
    abstract AddRole: role: string * network: INetwork -> unit

    /// The same, and the role's views are made as another role's are, in evaluations too.
    abstract AddRole: role: string * network: INetwork * viewsLike: string -> unit

    /// A generator that the recipe names. Raises KDP0301 where it names none.
    abstract Generator: name: string -> IGenerator

    /// The number of samples of a source. Raises KDP0305 where the recipe has none of that name.
    abstract SourceCount: source: string -> int64

    /// What the data set of a source holds. Raises KDP0305 where the recipe has none of that name.
    abstract SourceData: source: string -> DataInfo

    /// The samples of a source, for another one that is made of them (AddSource). Raises KDP0305 where the recipe has none of
    /// that name.
    abstract Samples: source: string -> IDataSource

    /// The sources that the recipe fills: train, validation, test and whatever it names besides.
    abstract Sources: IReadOnlyCollection<string>

    /// Adds a source that grows or changes during the run (a pool of synthesised samples). toBatch turns row numbers
    /// into a batch on the CPU.
    abstract AddSource: name: string * source: IDataSource -> unit

    /// The state that the strategy owns.
    abstract State: IStateRegistry

    /// The random stream of planning (initial weights and the like).
    abstract Random: RandomKey

    /// A role's parameters and those of the recipe's losses, with the recipe's optimiser and schedule. Where the losses have
    /// parameters or banks, one role of a phase may have them: KDP0306 for another one.
    abstract TrainableOf: role: string -> Trainable

    /// The same where several roles learn: the recipe's losses are bound anew for every pair of the role and one that teaches
    /// it, each with heads and banks of its own, which are in the checkpoint and train with the role. For the losses of a pair
    /// its two roles are "student" and "teacher"; they are reported as "<loss id>.<role>.<teacher>". Steps ask for them by
    /// IStepContext.Objective with the roles' names, and for no other pair. teachers: empty where nobody teaches: the role has
    /// the losses that need no teacher, and KDP0332 is raised where others are left that nobody in the plan learns by.
    abstract TrainableOf: role: string * teachers: IReadOnlyCollection<string> -> Trainable

    /// Runs when the run is done: writes files (a distilled data set, a card) into the run's folder "outputs/<name>".
    abstract Export: name: string * write: Action<string> -> unit

/// The plan of a method: stages, in order.
[<AllowNullLiteral>]
type IDistillationStrategy =
    inherit IPlugin

    /// The roles that have to be filled for it to work; checked before anything is loaded. One that is named twice is refused
    /// (KDP0331): what learns from another network cannot be that network. Where one network may stand for two roles, name it
    /// once.
    abstract Needs: IReadOnlyCollection<string>

    /// The role whose network is the result and is exported.
    abstract Result: string

    /// The stages. Called once per run and again, identically, on resume: everything it creates is a function of the
    /// context.
    abstract Plan: context: IPlanContext -> IReadOnlyList<Stage>
