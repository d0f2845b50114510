namespace KdPlugins.KrrSt

open System
open System.Collections.Generic
open System.ComponentModel.DataAnnotations
open KdPlugins.Core

/// How networks learn the set.
[<AbstractClass; AllowNullLiteral>]
type SgdOptions() =

    /// The learning rate of SGD. Above 0 to 100; default 0.1.
    [<Range(0.0, 100.0, MinimumIsExclusive = true)>]
    member val LearningRate = 0.1 with get, set

    /// The momentum of SGD. 0 to 1; default 0.9.
    [<Range(0.0, 1.0, MaximumIsExclusive = true)>]
    member val Momentum = 0.9 with get, set

    /// The weight decay of SGD. 0 to 10; default 0.001.
    [<Range(0.0, 10.0)>]
    member val WeightDecay = 1e-3 with get, set

    /// As a stage takes them, whose optimiser is sgd unless it is told otherwise.
    member internal this.Settings =
        OptimiserSettings(LearningRate = this.LearningRate, Momentum = this.Momentum, WeightDecay = this.WeightDecay)

/// The networks that the set is fitted through.
[<Sealed; AllowNullLiteral>]
type PoolOptions() =
    inherit SgdOptions()

    /// How many there are. 1 to 1000; default 10.
    [<Range(1, 1000)>]
    member val Networks = 10 with get, set

    /// The steps after which a network begins anew. 1 to 1,000,000; default 1000.
    [<Range(1, 1_000_000)>]
    member val Steps = 1000 with get, set

    /// Whether a network that begins anew counts its steps from 0. The released code does not: there a network that has
    /// reached the limit is drawn anew at each of its turns and never trained again. Default true.
    member val ResetCounter = true with get, set

/// How the set is learned.
[<Sealed; AllowNullLiteral>]
type DistilOptions() =

    /// Steps. 0 to 100,000,000; default 160000. With 0 the set stays as it was collected.
    [<Range(0, 100_000_000)>]
    member val Steps = 160_000 with get, set

    /// Real images per step, taken from as many batches as that needs. 1 to 1,000,000; default 1024.
    [<Range(1, 1_000_000)>]
    member val Batch = 1024 with get, set

    /// The first learning rate of AdamW on images and targets. Above 0 to 100; default 1e-4.
    [<Range(0.0, 100.0, MinimumIsExclusive = true)>]
    member val LearningRate = 1e-4 with get, set

    /// What the rate has been multiplied by, linearly, at the end. 0 to 1; default 0.001.
    [<Range(0.0, 1.0)>]
    member val LastRate = 1e-3 with get, set

    /// The ridge as a share of the kernel's trace. Above 0 to 1; default 1e-6.
    [<Range(0.0, 1.0, MinimumIsExclusive = true)>]
    member val Ridge = 1e-6 with get, set

/// How a network is pre-trained on the set.
[<Sealed; AllowNullLiteral>]
type PreTrainOptions() =
    inherit SgdOptions()

    /// What it learns. regression: the set's targets, without augmentation, at a constant rate; the method. labels: classes, by
    /// cross-entropy, each batch under one of the siamese augmentations, at a tenth of the rate from half of the epochs on;
    /// so the released code pre-trains on sets of labelled images (there with a rate of 0.01 and a weight decay of 0.0005),
    /// which are what the paper compares with. krr-st: the labels are those of the source, of real images as they were
    /// picked; needs "distil.steps" 0 and a "start" other than noise. Default regression.
    [<AllowedValues("regression", "labels")>]
    member val Objective = "regression" with get, set

    /// Whether it learns classes, and not the set's targets.
    member internal this.LearnsClasses = this.Objective = "labels"

    /// Epochs over the set. 0 to 1,000,000; default 1000. With 0 the student begins as the recipe made it.
    [<Range(0, 1_000_000)>]
    member val Epochs = 1000 with get, set

    /// The share of the rate at a place.
    member internal this.Rate(progress: Progress) : float =
        if this.LearnsClasses && progress.Epoch >= progress.TotalEpochs / 2L then
            0.1
        else
            1.0

/// Distillation from the teacher on the set's images alone.
[<Sealed; AllowNullLiteral>]
type FreeKdOptions() =

    /// Epochs over the set. 0 to 1,000,000; default 0: no such stage.
    [<Range(0, 1_000_000)>]
    member val Epochs = 0 with get, set

    /// The learning rate of AdamW, which follows a cosine. Above 0 to 100; default 1e-4.
    [<Range(0.0, 100.0, MinimumIsExclusive = true)>]
    member val LearningRate = 1e-4 with get, set

/// What is done with a set, wherever it comes from.
[<AbstractClass; AllowNullLiteral>]
type TransferOptions() =

    /// The role that is pre-trained, and the run's result. Default student.
    [<Required; MinLength(1)>]
    member val Student = Roles.Student with get, set

    /// The role that teaches in the stage "free-kd". Default teacher.
    [<Required; MinLength(1)>]
    member val Teacher = Roles.Teacher with get, set

    /// Whether networks take images of mean 0 and deviation 1, by the numbers of the data set; of a distilled set, by those
    /// on its card. krr-st: the views bring them there (normalise). Default true.
    member val Normalised = true with get, set

    /// How the student is pre-trained on the set.
    [<Required>]
    member val PreTrain = PreTrainOptions() with get, set

    /// Distillation on the set's images alone.
    [<Required>]
    member val FreeKd = FreeKdOptions() with get, set

    /// The roles that are needed; one that is named twice is refused, as nobody distils itself.
    member internal this.Needs =
        [|
            this.Student
            if this.FreeKd.Epochs > 0 then
                this.Teacher
        |]

/// The options of the strategy "krr-st".
[<Sealed; AllowNullLiteral>]
type KrrStOptions() =
    inherit TransferOptions()

    /// The number of synthetic images. 1 to 1,000,000; default 1000.
    [<Range(1, 1_000_000)>]
    member val Images = 1000 with get, set

    /// What the set begins as: images drawn at random, those nearest to the centres of k-means on the target model's
    /// embeddings, or noise. random, k-means or noise; default random.
    [<AllowedValues("random", "k-means", "noise")>]
    member val Start = "random" with get, set

    /// Whether networks take the images that the set begins as with their raw values, as in the released code, where views
    /// are normalised all the same. Without effect where "normalised" is false. Default true.
    member val RawStart = true with get, set

    /// k-means: the number of images that it picks from. 1 to 10,000,000; default 10000.
    [<Range(1, 10_000_000)>]
    member val Candidates = 10_000 with get, set

    /// The source of the real images; their targets are read for the objective "labels" only. Default train.
    [<Required; MinLength(1)>]
    member val Source = "train" with get, set

    /// The role of the self-supervised target model, whose embeddings are the targets. Default target.
    [<Required; MinLength(1)>]
    member val Target = "target" with get, set

    /// The role whose architecture the pool has, and whose views the real images are seen in. Default student.
    [<Required; MinLength(1)>]
    member val Base = Roles.Student with get, set

    /// The networks that the set is fitted through.
    [<Required>]
    member val Pool = PoolOptions() with get, set

    /// How the set is learned.
    [<Required>]
    member val Distil = DistilOptions() with get, set

/// The options of the strategy "krr-st-transfer".
[<Sealed; AllowNullLiteral>]
type KrrStTransferOptions() =
    inherit TransferOptions()

    /// The source that is a distilled set, with soft targets or, for the objective "labels", with labels. Default distilled.
    [<Required; MinLength(1)>]
    member val Source = "distilled" with get, set
