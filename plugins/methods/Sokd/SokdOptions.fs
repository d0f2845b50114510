namespace KdPlugins.Sokd

open System.ComponentModel.DataAnnotations
open KdPlugins.Core

/// What the bridge begins with.
type BridgeStart =
    /// Weights of its own, drawn anew: the method.
    | Drawn = 0

    /// The weights of the part of the teacher that it stands for: a variant.
    | Teacher = 1

/// What the batch norms of the teacher's trunk normalise by.
type TrunkNorms =
    /// Their running statistics, which stay as they are.
    | Kept = 0

    /// The statistics of the batch; the running ones move, as in the published code.
    | Moving = 1

/// The options of the strategy "sokd". The five weights come on top of the weights of the recipe's losses: "labels" for those
/// losses that need no teacher, such as cross-entropy, the others for those that need one, such as kd.
[<Sealed; AllowNullLiteral>]
type SokdOptions() =

    /// The role whose trunk the bridge stands on; its weights do not change. Default: teacher.
    [<Required; MinLength(1)>]
    member val Teacher = Roles.Teacher with get, set

    /// The role that learns from the bridge, and the run's result. Default: student.
    [<Required; MinLength(1)>]
    member val Student = Roles.Student with get, set

    /// Where the teacher is cut: one of the taps that it can be cut at. Default empty: the last of them, which leaves the
    /// last stage and the classifier to the bridge.
    [<Required(AllowEmptyStrings = true)>]
    member val Cut = "" with get, set

    /// alpha_1: what the bridge learns of the labels. 0 to 1000; default 1.
    [<Range(0.0, 1000.0)>]
    member val BridgeLabels = 1.0 with get, set

    /// alpha_2: what the bridge learns of the teacher. 0 to 1000; default 1.
    [<Range(0.0, 1000.0)>]
    member val BridgeFromTeacher = 1.0 with get, set

    /// alpha_3: what the bridge learns of the student. 0 to 1000; default 1.
    [<Range(0.0, 1000.0)>]
    member val BridgeFromStudent = 1.0 with get, set

    /// lambda_1: what the student learns of the labels. 0 to 1000; default 1.
    [<Range(0.0, 1000.0)>]
    member val StudentLabels = 1.0 with get, set

    /// lambda_2: what the student learns of the bridge. 0 to 1000; default 1.
    [<Range(0.0, 1000.0)>]
    member val StudentFromBridge = 1.0 with get, set

    /// What the bridge begins with: drawn (the method) or teacher (the teacher's weights). Default: drawn.
    member val BridgeStart = BridgeStart.Drawn with get, set

    /// What the norms of the teacher's trunk normalise by: kept (their running statistics) or moving (the batch's, as in the
    /// published code, whose running statistics drift). Default: kept.
    member val TrunkNorms = TrunkNorms.Kept with get, set
