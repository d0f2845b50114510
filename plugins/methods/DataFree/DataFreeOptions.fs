namespace KdPlugins.DataFree

open System
open System.ComponentModel.DataAnnotations
open KdPlugins.Core

/// Whose weights and way of making images are taken where the recipe does not say its own.
type Method =
    /// Pixels, by statistics, classes and the student's ignorance (Yin et al. 2020).
    | DeepInversion = 0

    /// Pixels, towards answers drawn from the classes' similarity (Nayak et al. 2019).
    | Zskd = 1

    /// A generator of certain, balanced, active images (Chen et al. 2019).
    | Dafl = 2

    /// A generator of images on which the student is wrong (Micaelli and Storkey 2019).
    | Zskt = 3

    /// The same by the distance of logits (Fang et al. 2019).
    | Dfad = 4

    /// A generator by all terms (Choi et al. 2020).
    | Dfq = 5

    /// A generator anew for each batch, whose images are to differ from those before (Fang et al. 2021).
    | Cmi = 6

    /// A generator that goes on from batch to batch, a few updates each (Fang et al. 2022, without meta-learning).
    | Fast = 7

    /// The same from a meta generator (Fang et al. 2022).
    | FastMeta = 8

/// How the meta generator learns from what its copy did.
type MetaUpdate =
    /// By the sum of the copy's gradients.
    | Fomaml = 0

    /// By how far the copy went, times a factor.
    | Reptile = 1

/// The options of the strategy "data-free". What is empty is the method's own; the README has a table of them.
[<Sealed; AllowNullLiteral>]
type DataFreeOptions() =

    /// deep-inversion, zskd, dafl, zskt, dfad, dfq, cmi, fast or fast-meta. Default: fast-meta.
    member val Method = Method.FastMeta with get, set

    /// The role that teaches; its weights do not change. Default: teacher.
    [<Required; MinLength(1)>]
    member val Teacher = Roles.Teacher with get, set

    /// The role that learns, and the run's result. Default: student.
    [<Required; MinLength(1)>]
    member val Student = Roles.Student with get, set

    /// The recipe's generator; methods that optimise pixels need none. Default: main.
    [<Required; MinLength(1)>]
    member val Generator = "main" with get, set

    /// The weight of the batch norms' statistics (bn). 0 to 1000; default the method's.
    [<Range(0.0, 1000.0)>]
    member val Norms = Nullable<double>() with get, set

    /// The weight of earlier batches in these statistics (rho). 0 to below 1; default 0.9 for fast and fast-meta, else 0.
    [<Range(0.0, 1.0, MaximumIsExclusive = true)>]
    member val NormMomentum = Nullable<double>() with get, set

    /// The weight of the cross-entropy with sampled classes, of online generators with the teacher's own class (oh). 0 to 1000;
    /// default the method's.
    [<Range(0.0, 1000.0)>]
    member val OneHot = Nullable<double>() with get, set

    /// The weight of what the student does not know (adv). 0 to 1000; default the method's.
    [<Range(0.0, 1000.0)>]
    member val Adversarial = Nullable<double>() with get, set

    /// How that is measured: jensen-shannon, divergence, distance or decisions. Default: the method's.
    member val Adversary = Nullable<Adversary>() with get, set

    /// The temperature of jensen-shannon. Above 0 to 100; default 3.
    [<Range(0.0, 100.0, MinimumIsExclusive = true)>]
    member val AdversaryTemperature = 3.0 with get, set

    /// The weight of the teacher's activation (act). 0 to 1000; default the method's.
    [<Range(0.0, 1000.0)>]
    member val Activation = Nullable<double>() with get, set

    /// The weight of balanced classes (bal). 0 to 1000; default the method's.
    [<Range(0.0, 1000.0)>]
    member val Balance = Nullable<double>() with get, set

    /// Whether that is counted in decimal logarithms, as DAFL does, 2.3 times smaller. Default: for dafl.
    member val DecimalBalance = Nullable<bool>() with get, set

    /// The weight of images that differ from each other and from those before (cr); cmi alone has what it needs. 0 to 1000;
    /// default the method's.
    [<Range(0.0, 1000.0)>]
    member val Contrast = Nullable<double>() with get, set

    /// The temperature of the contrast. Above 0 to 100; default 0.1.
    [<Range(0.0, 100.0, MinimumIsExclusive = true)>]
    member val ContrastTemperature = 0.1 with get, set

    /// Views of earlier images that are kept to contrast with. 1 to 1,000,000; default 40960.
    [<Range(1, 1_000_000)>]
    member val Bank = 40960 with get, set

    /// How many of them each update takes. 1 to 100,000; default 4096.
    [<Range(1, 100_000)>]
    member val BankBatch = 4096 with get, set

    /// The weight of rough images (tv). 0 to 1000; default the method's.
    [<Range(0.0, 1000.0)>]
    member val Variation = Nullable<double>() with get, set

    /// How that is measured: l1 or l2. Default: l1.
    member val VariationForm = Variation.L1 with get, set

    /// Images that are made together. 2 to 100,000; default the recipe's batch size.
    [<Range(2, 100_000)>]
    member val BatchSize = Nullable<int>() with get, set

    /// Updates of pixels or generator for each batch of images (for online generators, for each round with the student). 1 to
    /// 1,000,000; default the method's.
    [<Range(1, 1_000_000)>]
    member val Steps = Nullable<int>() with get, set

    /// Updates of the student between two of these. 1 to 1,000,000; default the method's.
    [<Range(1, 1_000_000)>]
    member val StudentSteps = Nullable<int>() with get, set

    /// How often both are done in an epoch: an epoch has rounds times studentSteps updates of the student. 1 to 1,000,000;
    /// default 1.
    [<Range(1, 1_000_000)>]
    member val Rounds = 1 with get, set

    /// Batches that are made before the student begins, without the term of the student where the method has them so; online
    /// generators have none. 1 to 1,000,000; default the method's.
    [<Range(1, 1_000_000)>]
    member val WarmUp = Nullable<int>() with get, set

    /// The most images that are kept; beyond them the oldest go. 1 to 10,000,000; default 50000, or fewer where fewer are made.
    [<Range(1, 10_000_000)>]
    member val PoolSize = 50_000 with get, set

    /// Adam's learning rate of the generator, or of pixels in deviations of the data. Above 0 to 100; default the method's.
    [<Range(0.0, 100.0, MinimumIsExclusive = true)>]
    member val LearningRate = Nullable<double>() with get, set

    /// Adam's learning rate of latent vectors. Above 0 to 100; default the method's.
    [<Range(0.0, 100.0, MinimumIsExclusive = true)>]
    member val LatentRate = Nullable<double>() with get, set

    /// The largest roll of images in optimisation, in pixels each way. 0 to 1024; default for deep-inversion an eighth of their
    /// size, else 0.
    [<Range(0, 1024)>]
    member val Jitter = Nullable<int>() with get, set

    /// Whether they are mirrored one time in two too. Default: for deep-inversion.
    member val Flip = Nullable<bool>() with get, set

    /// Whether pixels are brought back to where they may lie after every update. Default: for deep-inversion.
    member val Clip = Nullable<bool>() with get, set

    /// Whether generated images are cropped and mirrored at random before they are looked at. Default: for cmi.
    member val GlobalView = Nullable<bool>() with get, set

    /// Whether an update of the student is one of the online generator too, by one backward pass. Default: for dafl.
    member val Joint = Nullable<bool>() with get, set

    /// Whether the student learns from the vectors that the generator has learned from, as in zskt, or from new ones. Default: for
    /// zskt.
    member val SameLatent = Nullable<bool>() with get, set

    /// The largest 2-norm of the online generator's gradients; 0 for no limit. 0 to 1000; default 5 for zskt, else 0.
    [<Range(0.0, 1000.0)>]
    member val ClipNorm = Nullable<double>() with get, set

    /// How the meta generator learns: fomaml or reptile. Default: fomaml.
    member val MetaUpdate = MetaUpdate.Fomaml with get, set

    /// What reptile multiplies the way by. Above 0 to 10,000; default 67, as published.
    [<Range(0.0, 10_000.0, MinimumIsExclusive = true)>]
    member val ReptileFactor = 67.0 with get, set

    /// The batch, counted from 0, before which the first layers of the meta generator are drawn anew; below 0 for never. -1 to
    /// 1,000,000; default empty: 120 after the warm-up, as published.
    [<Range(-1, 1_000_000)>]
    member val ResetAt = Nullable<int>() with get, set

    /// zskd: what the teacher's logits are divided by. Above 0 to 1000; default 20.
    [<Range(0.0, 1000.0, MinimumIsExclusive = true)>]
    member val ImpressionTemperature = 20.0 with get, set

    /// zskd: what the second half of the concentrations is scaled by (beta); the first half has 1. Above 0 to 100; default 0.1.
    [<Range(0.0, 100.0, MinimumIsExclusive = true)>]
    member val Concentration = 0.1 with get, set

    /// zskd: the released code's concentrations, in which the option above does nothing. Default: false.
    member val PublishedConcentrations = false with get, set
