namespace KdPlugins.Sre2l

open System.Collections.Generic
open System.ComponentModel.DataAnnotations
open KdPlugins.Core

/// The options of the strategy "sre2l". The defaults are those of the authors' CIFAR-100 code.
[<Sealed; AllowNullLiteral>]
type Sre2lOptions() =

    /// The role whose network the images are recovered from, and that labels them. Default: teacher.
    [<Required; MinLength(1)>]
    member val Teacher = Roles.Teacher with get, set

    /// The role that learns from the recovered set, and the run's result. Default: student.
    [<Required; MinLength(1)>]
    member val Student = Roles.Student with get, set

    /// Recovered images per class (ipc). 1 to 10,000; default 10.
    [<Range(1, 10_000)>]
    member val ImagesPerClass = 10 with get, set

    /// Where the student's targets come from: dynamic (the teacher's logits on what the student sees), static (on every stored
    /// image, kept with the set) or classes (nobody teaches). Default: dynamic.
    member val Labels = LabelMode.Dynamic with get, set

    /// Images that are recovered together; they share their statistics. 2 to 100,000; default 100.
    [<Range(2, 100_000)>]
    member val BatchSize = 100 with get, set

    /// Updates of each batch of images. 1 to 1,000,000; default 1000, the paper's 4000 for ImageNet.
    [<Range(1, 1_000_000)>]
    member val Iterations = 1000 with get, set

    /// Adam's learning rate at the start of a batch, in deviations of the data. Above 0 to 100; default 0.25.
    [<Range(0.0, 100.0, MinimumIsExclusive = true)>]
    member val LearningRate = 0.25 with get, set

    /// The weight of the statistics' gap (alpha_BN). 0 to 1000; default 0.01.
    [<Range(0.0, 1000.0)>]
    member val StatisticsWeight = 0.01 with get, set

    /// The first batch norm's weight among the others, which have 1. 0 to 1000; default 10.
    [<Range(0.0, 1000.0)>]
    member val FirstNormWeight = 10.0 with get, set

    /// The largest roll, down and right, in pixels. 0 to 1024; default 4, the paper's 32 for ImageNet.
    [<Range(0, 1024)>]
    member val Jitter = 4 with get, set

    /// Whether every iteration sees a random part of the images at full size, mirrored one time in two, as the paper does for
    /// ImageNet. Default: false.
    member val Crop = false with get, set
