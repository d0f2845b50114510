namespace KdPlugins.Rdd

open System
open System.Collections.Generic
open TorchSharp
open KdPlugins.Core

type private F = torch.nn.functional

/// The formulas of the method. Logits are float [B, C, h, w] at the networks' own stride, labels int64 [B, H, W].
[<AbstractClass; Sealed>]
type RddMath private () =

    static let scalar (x: float) = x.ToScalar()

    static let wide (t: torch.Tensor) =
        match t.dtype with
        | torch.ScalarType.BFloat16
        | torch.ScalarType.Float16 -> t.to_type torch.ScalarType.Float32
        | _ -> t

    static let sizeOf (target: ClassMapTarget) = target.Labels.shape[1], target.Labels.shape[2]

    /// u = KL(softmax(aux) || softmax(main)) over the classes: how much a network disagrees with itself; [B, h, w].
    static member Disagreement(main: torch.Tensor, aux: torch.Tensor) : torch.Tensor =
        let logMain = (wide main).log_softmax 1L
        let logAux = (wide aux).log_softmax 1L
        (logAux.exp () * (logAux - logMain)).sum 1L

    /// w = up(exp(-u)), in (0, 1], without gradient; [B, H, W]. main, aux: the teacher's heads.
    static member Weights
        (main: torch.Tensor, aux: torch.Tensor, target: ClassMapTarget, alignCorners: bool)
        : torch.Tensor =
        use _ = torch.no_grad ()
        // Heads on stages of other sizes: the main one's places count.
        let aux = FeatureMath.Enlarge(wide aux, main.shape[2], main.shape[3], alignCorners)
        let easy = RddMath.Disagreement(main, aux).neg().exp()
        let height, width = sizeOf target
        FeatureMath.Enlarge(easy.unsqueeze 1L, height, width, alignCorners).squeeze 1L

    /// -log p of every pixel's class, 0 where the pixel does not count; [B, H, W].
    static member PixelLosses(logits: torch.Tensor, target: ClassMapTarget, alignCorners: bool) : torch.Tensor =
        let height, width = sizeOf target
        let large = FeatureMath.Enlarge(wide logits, height, width, alignCorners)
        F.cross_entropy (large, target.Labels, ignore_index = target.IgnoreIndex, reduction = torch.nn.Reduction.None)

    /// mean(w * losses): the task loss of the first phase for one head.
    static member Weighted
        (losses: torch.Tensor, weights: torch.Tensor, target: ClassMapTarget, mean: WeightedMean)
        : torch.Tensor =
        let weighted = weights.detach () * losses

        if mean = WeightedMean.All then
            weighted.mean ()
        else
            let valid = target.Labels.ne(scalar (float target.IgnoreIndex)).sum()
            weighted.sum () / valid.clamp_min (scalar 1.0)

    /// H = { p <= theta }, theta = max(threshold, k-th smallest p), of the pixels that count; bool [B, H, W], without gradient.
    /// losses: as of PixelLosses, -log p. kept: k, no more than there are pixels; 0 for the threshold alone.
    static member Hard(losses: torch.Tensor, target: ClassMapTarget, threshold: float, kept: int64) : torch.Tensor =
        use _ = torch.no_grad ()
        let p = losses.detach().neg().exp() // 1 where a pixel does not count
        let least = torch.full_like (p.sum (), scalar threshold)

        let theta =
            if kept = 0L then
                least
            else
                let struct (smallest, _) =
                    p.flatten().kthvalue(min kept (p.numel ()), Nullable 0L, false)

                torch.maximum (smallest, least)

        p.le(theta).logical_and(target.Labels.ne (scalar (float target.IgnoreIndex)))

    /// The pixels that count, of those that are hard for student and teacher; bool [B, H, W] each.
    static member Select(student: torch.Tensor, teacher: torch.Tensor, selection: Selection) : torch.Tensor =
        match selection with
        | Selection.Or -> student.logical_or teacher
        | Selection.And -> student.logical_and teacher
        | Selection.Ohem -> student
        | _ -> student.logical_xor teacher

    /// The mean of the losses over the chosen pixels, weighted by their classes; 0 where none is chosen.
    static member Chosen
        (losses: torch.Tensor, chosen: torch.Tensor, target: ClassMapTarget, classWeights: IReadOnlyList<double>)
        : torch.Tensor =
        let count =
            if classWeights.Count = 0 then
                chosen.to_type losses.dtype
            else
                let weights =
                    torch.tensor (Seq.toArray classWeights, dtype = Nullable losses.dtype, device = losses.device)

                let labels = target.Labels.masked_fill (chosen.logical_not (), scalar 0.0)

                weights.index_select(0L, labels.flatten ()).view_as labels
                * chosen.to_type losses.dtype

        let total = count.sum ()
        // Sums over nothing are 0; a division by 0 would make the gradient of everything NaN.
        (losses * count).sum() / total.masked_fill (total.eq (scalar 0.0), scalar 1.0)

    /// mu = (it - maxIt) / (warmUp - maxIt), in [0, 1]: what the first phase weighs in an iteration, counted from 1; 1 before warmUp.
    static member FirstShare(iteration: int64, warmUp: int64, total: int64) =
        if iteration < warmUp then
            1.0
        elif warmUp >= total then
            0.0
        else
            Math.Clamp(float (iteration - total) / float (warmUp - total), 0.0, 1.0)
