namespace KdPlugins.DataFree

open System
open TorchSharp
open KdPlugins.Core
open KdPlugins.Torch

/// How images are held against what the student already knows.
type Adversary =
    /// -JS', the divergence of DeepInversion.
    | JensenShannon = 0

    /// -KL(T || S), of ZSKT and DFQ.
    | Divergence = 1

    /// -mean |S - T| of logits, of DFAD.
    | Distance = 2

    /// -KL(T || S) where both answer with the same class, of CMI and FastDFKD.
    | Decisions = 3

/// How rough an image is.
type Variation =
    /// Mean absolute differences.
    | L1 = 0

    /// 2-norms of the differences.
    | L2 = 1

/// What images are made by: pure functions, scalars with graph to what they are given. Logits are float [B, C].
[<AbstractClass; Sealed>]
type Terms private () =

    /// L_bn of one batch norm: the un-squared 2-norms of what a batch differs by from what the norm keeps. The batch counts as
    /// (1 - rho) of itself and rho of the average of earlier batches; rho = 0 leaves that out. All float [channels].
    [<Formula("norms",
              Description =
                  "||mean - running mean|| + ||variance - running variance||, the batch averaged with earlier ones")>]
    static member Norms
        (
            mean: torch.Tensor,
            variance: torch.Tensor,
            runningMean: torch.Tensor,
            runningVariance: torch.Tensor,
            averageMean: torch.Tensor,
            averageVariance: torch.Tensor,
            rho: double
        ) : torch.Tensor =
        let mixed (current: torch.Tensor) (average: torch.Tensor) =
            if rho = 0.0 then
                current
            else
                current.mul((1.0 - rho).ToScalar()).add(average.detach().mul(rho.ToScalar()))

        SynthesisMath.StatisticsGap(
            mixed mean averageMean,
            mixed variance averageVariance,
            runningMean,
            runningVariance
        )

    /// L_oh: the mean cross-entropy with classes int64 [B].
    [<Formula("one-hot", Description = "the mean cross-entropy with classes")>]
    static member OneHot(logits: torch.Tensor, classes: torch.Tensor) : torch.Tensor =
        torch.nn.functional.cross_entropy (logits, classes)

    /// JS' = KL(M || P) / 2 + KL(M || Q) / 2 of softmax(S / t) and softmax(T / t) and their mean M, each clamped to
    /// [0.01, 0.99] after M is formed; the mean over the batch. Not the textbook's, which has M second.
    [<Formula("jensen-shannon", Description = "JS' of DeepInversion, clamped to [0.01, 0.99]")>]
    static member JensenShannon(student: torch.Tensor, teacher: torch.Tensor, temperature: double) : torch.Tensor =
        let share (logits: torch.Tensor) = KdMath.LogProbabilities(logits, temperature).exp()
        let clamp (t: torch.Tensor) = t.clamp (0.01.ToScalar(), 0.99.ToScalar())
        let s, t = share student, share teacher
        let m = clamp ((s + t).mul(0.5.ToScalar()))

        let divergence (q: torch.Tensor) = (m * (m.log () - (clamp q).log())).sum(1L).mean()
        (divergence s + divergence t).mul(0.5.ToScalar())

    /// L_adv, which falls as images become hard for the student. temperature: of JensenShannon; the others have 1.
    [<Formula("adversary", Description = "-JS', -KL(T || S), -mean |S - T| or -KL(T || S) where the answers agree, / B")>]
    static member Adversary
        (student: torch.Tensor, teacher: torch.Tensor, kind: Adversary, temperature: double)
        : torch.Tensor =
        match kind with
        | Adversary.JensenShannon -> Terms.JensenShannon(student, teacher, temperature).neg()
        | Adversary.Distance -> (student - teacher).abs().mean().neg()
        | Adversary.Decisions ->
            let agree = student.argmax(1L).eq(teacher.argmax 1L)
            let each = KdMath.KlDivergences(student, teacher, 1.0)
            (each * agree.to_type each.dtype).mean().neg()
        | _ -> KdMath.KlDivergence(student, teacher, 1.0).neg()

    /// L_act = -mean |f| of embeddings [B, D].
    [<Formula("activation", Description = "-mean |f|")>]
    static member Activation(features: torch.Tensor) : torch.Tensor = features.abs().mean().neg()

    /// L_bal = sum_c p_c log p_c of the batch's mean probabilities; least, -log C, where all classes are as many.
    /// decimal: log10, as DAFL has it, for the natural logarithm.
    [<Formula("balance", Description = "sum_c p_c log p_c of the batch's mean probabilities")>]
    static member Balance(logits: torch.Tensor, ``decimal``: bool) : torch.Tensor =
        let p = KdMath.LogProbabilities(logits, 1.0).exp().mean [| 0L |]
        // Where a class underflows its part is 0, not 0 times minus infinity.
        let natural = (p * p.clamp_min(1e-37.ToScalar()).log()).sum()

        if ``decimal`` then
            natural.div ((Math.Log 10.0).ToScalar())
        else
            natural

    /// L_tv of images [B, ch, H, W]: differences to the right, down, and along both diagonals, summed over these directions.
    [<Formula("variation", Description = "mean absolute differences, or their 2-norms, in four directions")>]
    static member Variation(images: torch.Tensor, form: Variation) : torch.Tensor =
        let h, w = images.shape[2] - 1L, images.shape[3] - 1L

        let part (top: int64) (left: int64) (height: int64) (width: int64) =
            images.narrow(2L, top, height).narrow(3L, left, width)

        let differences =
            [|
                part 0L 0L (h + 1L) w - part 0L 1L (h + 1L) w
                part 0L 0L h (w + 1L) - part 1L 0L h (w + 1L)
                part 1L 0L h w - part 0L 1L h w
                part 0L 0L h w - part 1L 1L h w
            |]

        let size (d: torch.Tensor) = if form = Variation.L2 then d.norm () else d.abs().mean()
        torch.stack(differences |> Array.map size).sum()

    /// The mean over rows of -log softmax(locals globals^T / t) at each row's own place: local views [N, D] against global
    /// ones, which are taken as they are; both of length 1. The first `fresh` rows are of the batch, the others of a bank: the
    /// mean over the former plus the mean over the latter, where there are any.
    [<Formula("contrast", Description = "InfoNCE of local against global views, batch and bank")>]
    static member Contrast
        (locals: torch.Tensor, globals: torch.Tensor, temperature: double, fresh: int64)
        : torch.Tensor =
        let logits =
            TorchOps.matmul(locals, globals.detach().t()).div(temperature.ToScalar())

        let n = logits.shape[0]
        let each = logits.log_softmax(1L).diagonal().neg()
        let ofBatch = each.narrow(0L, 0L, fresh).mean()

        if n = fresh then
            ofBatch
        else
            ofBatch + each.narrow(0L, fresh, n - fresh).mean()

    /// Class similarity of ZSKD: cosines of the rows of a last layer's weights [C, D], scaled so that the least of the matrix is
    /// 0 and the greatest 1.
    [<Formula("similarity", Description = "cosines of classes' weights, scaled to [0, 1] over the matrix")>]
    static member Similarity(weights: torch.Tensor) : torch.Tensor =
        let unit = FeatureMath.Unit(weights, 1)
        let cosines = TorchOps.matmul (unit, unit.t ())
        let least = cosines.min ()
        (cosines - least).div(cosines.max () - least)

    /// The Dirichlet concentrations [C, C] of ZSKD, a row for each class: beta (scaled row + 1e-4), each row of the similarities
    /// scaled to [0, 1]. published: the released code, in which beta scales the similarities and is cancelled by the row's
    /// own scaling.
    [<Formula("concentrations", Description = "beta (row scaled to [0, 1] + 1e-4) of class similarities")>]
    static member Concentrations(similarity: torch.Tensor, beta: double, published: bool) : torch.Tensor =
        let given =
            if published then
                similarity.mul (beta.ToScalar())
            else
                similarity

        let least = given.amin ([| 1L |], keepdim = true)

        let rows =
            (given - least).div(given.amax ([| 1L |], keepdim = true) - least).add(1e-4.ToScalar())

        if published then rows else rows.mul (beta.ToScalar())

    /// What ZSKD makes an image answer: the mean cross-entropy of targets [B, C] with softmax(T / t).
    [<Formula("impression", Description = "the mean cross-entropy of soft targets with softmax(T / t)")>]
    static member Impression(logits: torch.Tensor, targets: torch.Tensor, temperature: double) : torch.Tensor =
        KdMath.SoftCrossEntropy(logits.div (temperature.ToScalar()), targets)
