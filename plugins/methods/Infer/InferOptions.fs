namespace KdPlugins.Infer

open System.Collections.Generic
open System.ComponentModel.DataAnnotations
open KdPlugins.Core

/// The options of the strategy "infer". The defaults are those of the paper's CIFAR experiments.
[<Sealed; AllowNullLiteral>]
type InferOptions() =
    inherit InversionOptions(statisticsWeight = 1.0)

    /// The roles whose networks compensate and label, M of them, each of another architecture. Default: teacher.
    [<Required; MinLength(1); MaxLength(64)>]
    member val Teachers: IReadOnlyList<string> = [| Roles.Teacher |] with get, set

    /// The role that learns from the distilled set, and the run's result. Default: student.
    [<Required; MinLength(1)>]
    member val Student = Roles.Student with get, set

    /// The budget in stored images per class: natural images and compensators together (ipc). 1 to 10,000; default 10.
    [<Range(1, 10_000)>]
    member val ImagesPerClass = 10 with get, set

    /// Whether stored labels, and the ranges that go with compensators, count too, by their bytes, against 8-bit images.
    /// The paper's formula does not count them. Default: false.
    member val CountLabels = false with get, set

    /// Whether there are compensators. Without them the whole budget goes into natural images: random real images, the
    /// baseline. Default: true.
    member val Compensate = true with get, set

    /// Where the student's targets come from: static (the teachers' mean logits on every stored instance), dynamic (on
    /// what the student sees), stored (the source's own, with "source" only) or classes (nobody teaches). Default: static.
    member val Labels = LabelMode.Static with get, set

    /// A source of the recipe that holds a small data set: nothing is distilled then, the student learns from it. For other
    /// students on the same set, and for sets of other methods. Default: empty.
    [<RegularExpression(@"[^\0]*")>]
    member val Source = "" with get, set
