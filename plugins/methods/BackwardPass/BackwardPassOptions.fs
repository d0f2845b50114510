namespace KdPlugins.BackwardPass

open System.ComponentModel.DataAnnotations
open KdPlugins.Core

/// Where auxiliary samples are looked for.
type Search =
    /// Where student and teacher differ most: the method.
    | Gap = 0

    /// Where the student's cross-entropy with the label is largest: ordinary adversarial samples, to compare with.
    | Labels = 1

    /// In a random direction, steps of the same length: to compare with.
    | Noise = 2

/// By what the student learns from auxiliary samples.
type AuxiliaryLoss =
    /// Those losses of the recipe that need a teacher.
    | Recipe = 0

    /// The gap itself, ||S(x') - T(x')||^2.
    | Gap = 1

/// The options of the strategy "backward-pass-kd". The paper's own constants are not known; these are working defaults.
[<Sealed; AllowNullLiteral>]
type BackwardPassOptions() =

    /// The role that teaches; its weights do not change. Default: teacher.
    [<Required; MinLength(1)>]
    member val Teacher = Roles.Teacher with get, set

    /// The role that learns, and the run's result. Default: student.
    [<Required; MinLength(1)>]
    member val Student = Roles.Student with get, set

    /// e: epochs of learning before auxiliary samples are made, and between two times. 1 to 100,000; default 5.
    [<Range(1, 100_000)>]
    member val EpochsPerRound = 5 with get, set

    /// The last epochs, of those that the recipe trains, on the data alone. 0 to 100,000; default 0.
    [<Range(0, 100_000)>]
    member val FinalEpochs = 0 with get, set

    /// h: steps of the search. 1 to 1000; default 4.
    [<Range(1, 1000)>]
    member val Steps = 4 with get, set

    /// How far a step goes: l2 (a length), sign (every value alike) or raw (eta times the gradient). Default: l2.
    member val Step = StepKind.L2 with get, set

    /// eta. Of l2 in deviations of the data times the root of the number of values of a sample; of sign in values in [0, 1]; of
    /// raw as it is. Above 0 to 1000; default empty: 0.05 for l2 and raw, 2/255 for sign.
    [<Range(0.0, 1000.0, MinimumIsExclusive = true)>]
    member val StepSize = System.Nullable<double>() with get, set

    /// Where samples are looked for: gap (the method), labels or noise (to compare with). Default: gap.
    member val Search = Search.Gap with get, set

    /// |X'| / |X|: auxiliary samples for each sample of the training data; below 1 a random part, chosen anew each time. Above
    /// 0 to 1; default 1.
    [<Range(0.0, 1.0, MinimumIsExclusive = true)>]
    member val Share = 1.0 with get, set

    /// The weight of auxiliary samples, on top of the recipe's losses. 0 to 1000; default 1.
    [<Range(0.0, 1000.0)>]
    member val AuxiliaryWeight = 1.0 with get, set

    /// By what the student learns from them: recipe (its losses that need a teacher) or gap. Default: recipe.
    member val AuxiliaryLoss = AuxiliaryLoss.Recipe with get, set
