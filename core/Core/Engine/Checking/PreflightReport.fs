namespace KdPlugins.Core

open System
open System.Collections.Generic
open KdPlugins.Torch

/// How much of a recipe is tried before it runs.
[<Sealed>]
type PreflightOptions() =

    /// The teacher is scored on at most so many samples.
    member val Samples = 512L with get, set

    /// Steps per stage, the first of which warms up and is not counted.
    member val Steps = 4L with get, set

    /// After so many seconds a stage is not tried any further.
    member val StageSeconds = 15.0 with get, set

    /// Bytes that the process may use; 0 for what the machine and its control groups allow.
    member val MemoryLimit = 0L with get, set

    /// Holds the layers of the recipe's networks against double precision, on a CPU; null where nobody is to look.
    member val Layers: LayerJudge = null with get, set

    /// The time.
    member val Clock = TimeProvider.System with get, set

/// A source of samples.
type PreflightSource =
    {
        /// Its name.
        Name: string

        /// The number of samples.
        Samples: int64

        /// Batches per epoch.
        BatchesPerEpoch: int64
    }

/// A value on the way of one batch through a network.
type PreflightValue =
    {
        /// "input", a tap's name, "embedding" or "logits".
        Name: string

        /// With the batch dimension.
        Shape: IReadOnlyList<int64>
    }

/// A network.
type PreflightRole =
    {
        /// The role.
        Role: string

        /// The number of its parameters.
        Parameters: int64

        /// How many of them the recipe freezes.
        Frozen: int64

        /// Bytes of parameters and buffers.
        Bytes: int64

        /// What one batch became, in the order of computation.
        Values: IReadOnlyList<PreflightValue>
    }

/// A stage, tried for some steps.
type PreflightStage =
    {
        /// Its name within the run.
        Name: string

        /// Steps that it will take.
        Steps: int64

        /// Samples that its first step takes; 0 where it takes none.
        SamplesPerStep: int64

        /// Parameters that it trains, by trainable.
        Trained: IReadOnlyDictionary<string, int64>

        /// Seconds per step, measured.
        StepSeconds: float

        /// Seconds of all its evaluations, extrapolated.
        EvaluationSeconds: float

        /// Seconds of the whole stage, extrapolated.
        Seconds: float

        /// Whether several seeds share its result.
        Once: bool
    }

/// What is stored of a role's answers to a source's samples, see TeacherCacheSection.
type PreflightAnswers =
    {
        /// The role.
        Role: string

        /// The source.
        Source: string

        /// Samples of the split that the source is a part of.
        Samples: int64

        /// Views of each.
        Views: int64

        /// Where; null where there is no place for them.
        Folder: string

        /// What all of them take on the disk.
        Bytes: int64

        /// The share that is there already, in [0, 1], from 512 rows; null where the run trains the role before.
        Present: Nullable<float>

        /// Seconds that a step asked the network for, 0 where every answer was there: what a later step saves.
        PassSeconds: float
    }

/// What a recipe will be like, from some steps of it.
type PreflightReport =
    {
        /// The device.
        Device: string

        /// By name.
        Sources: IReadOnlyList<PreflightSource>

        /// By name.
        Roles: IReadOnlyList<PreflightRole>

        /// The teacher as it is before the first phase, on the test set or else the validation set; null without teacher.
        Teacher: Evaluation

        /// Whether this processor computes their layers rightly; null where nobody looked, as on other devices.
        Layers: LayerReport

        /// In order.
        Stages: IReadOnlyList<PreflightStage>

        /// What "teacherCache" stores; empty without it.
        Answers: IReadOnlyList<PreflightAnswers>

        /// Of all seeds, extrapolated.
        Seconds: float

        /// Of this process so far: what the steps needed is in it.
        PeakMemoryBytes: int64

        /// That, and what only a whole run fills: banks of losses, pools, copies of best states.
        MemoryBytes: int64

        /// What the process may use.
        MemoryLimitBytes: int64

        /// The largest checkpoint.
        CheckpointBytes: int64

        /// Checkpoints that are kept and exported networks, of all seeds.
        DiskBytes: int64

        /// What is doubtful, such as weights whose record says that they were made for other inputs, or a teacher that nobody
        /// has trained.
        Warnings: IReadOnlyList<string>
    }
