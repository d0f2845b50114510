namespace KdPlugins.Sre2l

open System.Collections.Generic
open System.ComponentModel.DataAnnotations
open KdPlugins.Core

/// The options of the strategy "sre2l". The defaults are those of the authors' CIFAR-100 code.
[<Sealed; AllowNullLiteral>]
type Sre2lOptions() =
    inherit InversionOptions(statisticsWeight = 0.01)

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
