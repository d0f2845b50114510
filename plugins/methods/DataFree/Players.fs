namespace KdPlugins.DataFree

open System
open System.Collections.Generic
open TorchSharp
open KdPlugins.Core

/// The networks that images are held against: the teacher, and the student as it stands, which is not to be changed by that.
[<Sealed>]
type internal Players(context: IPlanContext, o: DataFreeOptions, s: Settings) =

    // The stages train the student; images are made against a copy in evaluation mode, which gets its weights.
    let critic = "critic"

    do
        if s.Adversarial > 0.0 then
            context.AddRole(critic, context.NewNetwork(o.Student, context.Random.Derive critic, 0L), o.Student)

    // Statistics of earlier batches: one row of all norms' means and variances.
    let average =
        if s.NormMomentum > 0.0 && s.Norms > 0.0 then
            Some(context.State.Pool("norm-average", 1L))
        else
            None

    let mutable current: torch.Tensor = null

    let earlierRow () : torch.Tensor option =
        average
        |> Option.filter (fun kept -> kept.Count > 0L)
        |> Option.map (fun kept -> kept.Read("statistics", torch.zeros (1L, torch.ScalarType.Int64)))

    let gap (norms: NormStatistics) =
        let all =
            [|
                for n in norms.Norms do
                    n.Mean
                    n.Variance
            |]

        // The first batch has none before it.
        let earlier, rho =
            match earlierRow () with
            | Some row -> row.select(0L, 0L).split(all |> Array.map (fun t -> t.numel ())), s.NormMomentum
            | None -> all, 0.0

        current <- torch.cat (all |> Array.map _.detach(), 0L)

        let one (i: int) (n: NormInput) =
            Terms.Norms(n.Mean, n.Variance, n.RunningMean, n.RunningVariance, earlier[2 * i], earlier[2 * i + 1], rho)

        SynthesisMath.WeightedGap(norms.Norms |> Seq.mapi one |> Seq.toArray, 1.0)

    let copy (target: INetwork) (source: INetwork) =
        use _ = torch.no_grad ()

        for struct (name, t) in target.Module.named_parameters () do
            t.copy_ (source.Module.get_parameter name) |> ignore

        for struct (name, t) in target.Module.named_buffers () do
            t.copy_ (source.Module.get_buffer name) |> ignore

    /// The student as it is now is the one that images are held against.
    member _.Look() =
        if s.Adversarial > 0.0 then
            copy (context.Network critic) (context.Network o.Student)

    /// L_G of images. images: pixel values [B, ch, H, W] with graph. wanted: their classes int64 [B] or soft targets [B, C], null for what the
    /// teacher says. isTaught: whether the student's term counts.
    member _.Loss(step: IStepContext, images: torch.Tensor, wanted: torch.Tensor, isTaught: bool) : torch.Tensor =
        let seen = step.EvaluationView(o.Teacher, Batch.Generated images)

        let struct (taught, norms) =
            if s.Norms > 0.0 then
                step.ThroughNorms(o.Teacher, seen, null, false)
            else
                struct (step.Through(o.Teacher, seen, null), Unchecked.defaultof<_>)

        let logits = taught.Logits
        let classes = if isNull wanted then logits.detach().argmax 1L else wanted

        let ignorance () =
            let asked = step.EvaluationView(critic, Batch.Generated images)
            Terms.Adversary(step.Through(critic, asked, null).Logits, logits, s.Adversary, o.AdversaryTemperature)

        let terms =
            [
                "norms", s.Norms, (fun () -> gap norms)
                "one-hot", s.OneHot, (fun () -> Terms.OneHot(logits, classes))
                "adversarial", (if isTaught then s.Adversarial else 0.0), ignorance
                "activation", s.Activation, (fun () -> Terms.Activation taught.Embedding)
                "balance", s.Balance, (fun () -> Terms.Balance(logits, s.Decimal))
                "variation", s.Variation, (fun () -> Terms.Variation(seen.Input, o.VariationForm))
                "impression",
                (if s.Impression then 1.0 else 0.0),
                (fun () -> Terms.Impression(logits, wanted, o.ImpressionTemperature))
            ]

        let weighted (name: string, weight: double, compute: unit -> torch.Tensor) =
            let value = compute ()
            step.Report($"images.{name}", value)
            value.mul (weight.ToScalar())

        terms
        |> List.filter (fun (_, weight, _) -> weight > 0.0)
        |> List.map weighted
        |> List.reduce (fun a b -> a.add b)

    /// The statistics of the last images go into the average, once for each batch of images.
    member _.Remember() =
        match average with
        | None -> ()
        | Some kept ->
            let now = current.unsqueeze 0L

            let mixed =
                match earlierRow () with
                | Some row -> row.mul(s.NormMomentum.ToScalar()).add(now.mul ((1.0 - s.NormMomentum).ToScalar()))
                | None -> now

            kept.Append(Dictionary(dict [ "statistics", mixed ]))
            current <- null

    /// The recipe's losses that need a teacher, on a view of generated images: of these nothing is known but what the teacher says.
    member _.Learn(step: IStepContext, view: Batch) : torch.Tensor =
        let taught = step.Consult(o.Teacher, view, Array.Empty<string>())
        let classes = ClassIndexTarget(taught.Logits.detach().argmax 1L)
        step.Guidance(step.Forward(o.Student, view, null), taught, view.WithTarget classes)

    /// Draws of N(0, 1).
    static member Normal(key: RandomKey, shape: int64[], device: torch.Device) : torch.Tensor =
        use draws = key.NewGenerator device
        torch.randn (shape, device = device, generator = draws)
