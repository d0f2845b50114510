namespace KdPlugins.Infer

open System.Collections.Generic
open System.ComponentModel.DataAnnotations
open KdPlugins.Core

/// The options of the strategy "infer". The defaults are those of the paper's CIFAR experiments.
[<Sealed; AllowNullLiteral>]
type InferOptions() =

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

    /// Updates of each compensator (N). 1 to 1,000,000; default 1000, the paper's 2000 for ImageNet.
    [<Range(1, 1_000_000)>]
    member val Iterations = 1000 with get, set

    /// Adam's learning rate at the start of a compensator, in deviations of the data. Above 0 to 100; default 0.25.
    [<Range(0.0, 100.0, MinimumIsExclusive = true)>]
    member val LearningRate = 0.25 with get, set

    /// The weight of the statistics' gap (r_bn). 0 to 1000; default 1, the paper's 0.01 for ImageNet.
    [<Range(0.0, 1000.0)>]
    member val StatisticsWeight = 1.0 with get, set

    /// The first batch norm's weight among the others, which have 1. 0 to 1000; default 10.
    [<Range(0.0, 1000.0)>]
    member val FirstNormWeight = 10.0 with get, set

    /// The largest roll, down and right, in pixels. 0 to 1024; default 4, the paper's 32 for ImageNet.
    [<Range(0, 1024)>]
    member val Jitter = 4 with get, set

    /// Whether every iteration sees a random part of the images at full size, mirrored one time in two, as the paper does for
    /// ImageNet. Default: false.
    member val Crop = false with get, set
