namespace KdPlugins.DataFree

open System

/// What makes images.
[<RequireQualifiedAccess>]
type internal Backend =
    /// Their pixels are optimised.
    | Pixels

    /// A generator beside the student, whose images are used once.
    | Online

    /// A generator for each batch; batches are kept.
    | Batches

/// What a method does, with what the recipe says in place of its own.
type internal Settings =
    {
        Backend: Backend
        Norms: double
        NormMomentum: double
        OneHot: double
        Adversarial: double
        Adversary: Adversary
        /// Whether the student's term counts before the student has begun.
        AdversarialAtOnce: bool
        Activation: double
        Balance: double
        Decimal: bool
        Contrast: double
        Variation: double
        Impression: bool
        Steps: int64
        StudentSteps: int64
        WarmUp: int64
        /// Whether batches are made after the warm-up.
        GoesOn: bool
        Rate: double
        LatentRate: double
        Beta1: double
        Beta2: double
        Jitter: int64
        Flip: bool
        Clip: bool
        GlobalView: bool
        Joint: bool
        SameLatent: bool
        ClipNorm: double
        /// Whether the generator's rate follows the recipe's schedule.
        Scheduled: bool
        /// Whether the generator is drawn anew for each batch.
        Redrawn: bool
        Meta: bool
    }

module internal Settings =

    let private nothing =
        {
            Backend = Backend.Online
            Norms = 0.0
            NormMomentum = 0.0
            OneHot = 0.0
            Adversarial = 0.0
            Adversary = Adversary.Divergence
            AdversarialAtOnce = true
            Activation = 0.0
            Balance = 0.0
            Decimal = false
            Contrast = 0.0
            Variation = 0.0
            Impression = false
            Steps = 1L
            StudentSteps = 10L
            WarmUp = 0L
            GoesOn = true
            Rate = 1e-3
            LatentRate = 1e-3
            Beta1 = 0.9
            Beta2 = 0.999
            Jitter = 0L
            Flip = false
            Clip = false
            GlobalView = false
            Joint = false
            SameLatent = false
            ClipNorm = 0.0
            Scheduled = false
            Redrawn = false
            Meta = false
        }

    let private fast =
        { nothing with
            Backend = Backend.Batches
            Norms = 10.0
            NormMomentum = 0.9
            OneHot = 0.4
            Adversarial = 1.33
            Adversary = Adversary.Decisions
            AdversarialAtOnce = false
            Steps = 5L
            StudentSteps = 400L
            WarmUp = 20L
            Rate = 3e-3
            LatentRate = 0.01
            Beta1 = 0.5
        }

    // side: of the images, for the jitter.
    let private ofMethod (side: int64) (method: Method) : Settings =
        match method with
        | Method.DeepInversion ->
            { nothing with
                Backend = Backend.Pixels
                Norms = 10.0
                OneHot = 1.0
                Adversarial = 1.0
                Adversary = Adversary.JensenShannon
                Variation = 1e-3
                Steps = 1000L
                StudentSteps = 400L
                WarmUp = 1L
                Rate = 0.1
                Beta1 = 0.5
                Beta2 = 0.99
                Jitter = side / 8L
                Flip = true
                Clip = true
            }
        | Method.Zskd ->
            { nothing with
                Backend = Backend.Pixels
                Impression = true
                Steps = 1500L
                StudentSteps = 400L
                WarmUp = 400L
                GoesOn = false
            }
        | Method.Dafl ->
            { nothing with
                OneHot = 0.05
                Activation = 0.01
                Balance = 5.0
                Decimal = true
                Joint = true
            }
        | Method.Zskt ->
            { nothing with
                Adversarial = 1.0
                SameLatent = true
                ClipNorm = 5.0
                Scheduled = true
            }
        | Method.Dfad ->
            { nothing with
                Adversarial = 1.0
                Adversary = Adversary.Distance
                StudentSteps = 5L
                Scheduled = true
            }
        | Method.Dfq ->
            { nothing with
                Norms = 1.0
                OneHot = 1.0
                Adversarial = 1.0
                Balance = 20.0
            }
        | Method.Cmi ->
            { nothing with
                Backend = Backend.Batches
                Norms = 1.0
                OneHot = 1.0
                Adversarial = 0.5
                Adversary = Adversary.Decisions
                Contrast = 0.8
                Steps = 200L
                StudentSteps = 400L
                WarmUp = 1L
                Beta1 = 0.5
                GlobalView = true
                Redrawn = true
            }
        | Method.Fast -> fast
        | _ -> { fast with Meta = true }

    /// Of options, for images of a side.
    let resolve (o: DataFreeOptions) (side: int64) : Settings =
        let own = ofMethod side o.Method
        let real (given: Nullable<double>) fallback = given.GetValueOrDefault fallback
        let flag (given: Nullable<bool>) fallback = given.GetValueOrDefault fallback

        let whole (given: Nullable<int>) fallback = if given.HasValue then int64 given.Value else fallback

        { own with
            Norms = real o.Norms own.Norms
            NormMomentum = real o.NormMomentum own.NormMomentum
            OneHot = real o.OneHot own.OneHot
            Adversarial = real o.Adversarial own.Adversarial
            Adversary = o.Adversary.GetValueOrDefault own.Adversary
            Activation = real o.Activation own.Activation
            Balance = real o.Balance own.Balance
            Decimal = flag o.DecimalBalance own.Decimal
            Contrast = real o.Contrast own.Contrast
            Variation = real o.Variation own.Variation
            Steps = whole o.Steps own.Steps
            StudentSteps = whole o.StudentSteps own.StudentSteps
            WarmUp = whole o.WarmUp own.WarmUp
            Rate = real o.LearningRate own.Rate
            LatentRate = real o.LatentRate own.LatentRate
            Jitter = whole o.Jitter own.Jitter
            Flip = flag o.Flip own.Flip
            Clip = flag o.Clip own.Clip
            GlobalView = flag o.GlobalView own.GlobalView
            Joint = flag o.Joint own.Joint
            SameLatent = flag o.SameLatent own.SameLatent
            ClipNorm = real o.ClipNorm own.ClipNorm
        }
