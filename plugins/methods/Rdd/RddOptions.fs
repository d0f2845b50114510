namespace KdPlugins.Rdd

open System
open System.Collections.Generic
open System.ComponentModel.DataAnnotations
open KdPlugins.Core

/// Which pixels count, by whom they are hard for.
type Selection =
    /// For one of student and teacher alone: the method.
    | Xor = 0

    /// For either or both.
    | Or = 1

    /// For both.
    | And = 2

    /// For the student: online hard example mining, without a teacher.
    | Ohem = 3

/// What the weighted losses of a batch's pixels are divided by.
type WeightedMean =
    /// All pixels, those that do not count among them: the method.
    | All = 0

    /// The pixels that count.
    | Valid = 1

/// How the second phase takes over.
type PhaseSwitch =
    /// At once.
    | Hard = 0

    /// From warmUp on, linearly until the end.
    | Soft = 1

/// What both phases have in common.
[<AbstractClass; AllowNullLiteral>]
type HeadOptions() =

    /// The tap of the auxiliary heads' logits. Default: aux.
    [<Required; MinLength(1)>]
    member val Aux = "aux" with get, set

    /// What the auxiliary head's term weighs beside the main head's. 0 to 100; default 0.4. A student without such a head has no such
    /// term.
    [<Range(0.0, 100.0)>]
    member val AuxWeight = 0.4 with get, set

    /// Whether logits and weights are enlarged to the labels' size with corners on corners. Default: true, as in the published code.
    member val AlignCorners = true with get, set

/// The options of the loss "rdd-tfe".
[<Sealed; AllowNullLiteral>]
type TfeOptions() =
    inherit HeadOptions()

    /// What the sum over the pixels is divided by: all (the method) or valid. Default: all.
    member val Mean = WeightedMean.All with get, set

/// What says which pixels are hard, and what they weigh.
[<AbstractClass; AllowNullLiteral>]
type HardOptions() =
    inherit HeadOptions()

    /// Which pixels count: xor (hard for one of student and teacher: the method), or, and, ohem (hard for the student). Default: xor.
    member val Selection = Selection.Xor with get, set

    /// A pixel is hard where the probability of its class is no more than this (theta_0). 0 to 1; default 0.7.
    [<Range(0.0, 1.0)>]
    member val Threshold = 0.7 with get, set

    /// At least so large a share of a batch's pixels is hard for each network. 0 to 1; default 0.1. The published code has an
    /// absolute number in place of it, see minKeptPixels.
    [<Range(0.0, 1.0)>]
    member val MinKept = 0.1 with get, set

    /// At least so many pixels of a batch, in place of minKept; 0 for minKept. 0 to 1,000,000,000; default 0. The published code has
    /// 100000, for batches of four crops of 512x1024 pixels.
    [<Range(0, 1_000_000_000)>]
    member val MinKeptPixels = 0 with get, set

    /// What each class weighs in the mean over the pixels that count. One number of at least 0 for each class; default none: all alike.
    member val ClassWeights: IReadOnlyList<double> = Array.Empty<double>() with get, set

    interface IValidatableObject with
        member this.Validate _ =
            seq {
                if this.ClassWeights |> Seq.exists (fun w -> not (w >= 0.0 && Double.IsFinite w)) then
                    yield ValidationResult("holds a weight below 0", [| nameof this.ClassWeights |])

                if this.ClassWeights.Count > 0 && this.ClassWeights |> Seq.forall ((=) 0.0) then
                    yield ValidationResult("holds no weight above 0", [| nameof this.ClassWeights |])
            }

/// The options of the loss "rdd-tse".
[<Sealed; AllowNullLiteral>]
type TseOptions() =
    inherit HardOptions()

/// The options of the strategy "rdd".
[<Sealed; AllowNullLiteral>]
type RddOptions() =
    inherit HardOptions()

    /// The role that says which pixels are hard; its weights do not change. Default: teacher.
    [<Required; MinLength(1)>]
    member val Teacher = Roles.Teacher with get, set

    /// The role that learns, and the run's result. Default: student.
    [<Required; MinLength(1)>]
    member val Student = Roles.Student with get, set

    /// The share of the steps after which the second phase (TSE) comes. 0 (no first phase) to 1 (no second one); default 0.1.
    [<Range(0.0, 1.0)>]
    member val WarmUp = 0.1 with get, set

    /// How the second phase takes over: hard (at once) or soft (linearly until the end). Default: hard.
    member val Switch = PhaseSwitch.Hard with get, set

    /// What the sum over the pixels of the first phase is divided by: all (the method) or valid. Default: all.
    member val Mean = WeightedMean.All with get, set

    /// What the recipe's losses that need a teacher, such as kd, weigh beside the method's own. 0 to 1000; default 1.
    [<Range(0.0, 1000.0)>]
    member val Guidance = 1.0 with get, set
