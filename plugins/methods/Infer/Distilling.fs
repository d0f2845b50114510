namespace KdPlugins.Infer

open System
open System.Collections.Generic
open TorchSharp
open TorchSharp.Modules
open KdPlugins.Core
open KdPlugins.Torch

/// The natural images of a run and their compensators while they are made: state of the run, a source, and the stages
/// "select" and "compensate".
[<Sealed>]
type internal Distilling(context: IPlanContext, options: InferOptions, budget: Budget) =
    let classes = context.Data.Classes
    let shape = Seq.toArray context.Data.InputShape
    let P, M = budget.Natural, budget.CompensatorsPerImage
    let iterations = int64 options.Iterations

    let stateOf (name: string) (dtype: torch.ScalarType) (dimensions: int64[]) =
        let kept =
            new Parameter(torch.zeros (dimensions, dtype = dtype, device = context.Device), false)

        context.State.Register(name, kept)
        kept

    let images =
        stateOf "natural" torch.ScalarType.Byte (Array.append [| P * classes |] shape)

    let codes, ranges =
        if M = 0L then
            null, null
        else
            stateOf "compensators" torch.ScalarType.Byte (Array.append [| M * P |] shape),
            stateOf "compensator-ranges" torch.ScalarType.Float32 [| M * P; shape[0]; 2L |]

    let deviations =
        if context.Data.Std.Count > 0 then
            context.Data.Std
        else
            Array.create (int shape[0]) 1.0

    // The compensator that is being made, in deviations of the data: u of section 3.2, [1, ch, H, W].
    let u =
        let made =
            new Parameter(torch.zeros (Array.append [| 1L |] shape, device = context.Device))

        context.State.Register("compensator", made)
        made

    let trainable =
        Trainable(
            "compensator",
            [| struct ("u", u) |],
            OptimiserSettings(
                Name = "adam",
                LearningRate = options.LearningRate,
                Beta1 = 0.5,
                Beta2 = 0.9,
                Epsilon = 1e-8
            ),
            // lr(e) = lr (1 + cos(pi e / N)) / 2, each compensator anew
            fun progress -> SynthesisMath.CosineDecay(progress.Step % iterations, iterations)
        )

    let keep (labels: int64[]) (batch: Batch) (found: List<int64>[]) (row: int) (number: int64) =
        let c = int labels[row]

        if int64 found[c].Count < P then
            let place = int64 found[c].Count * classes + int64 c
            found[c].Add number
            let x = batch.Input.select (0L, int64 row)
            images.select(0L, place).copy_(x.mul((255.0).ToScalar()).round()) |> ignore

    let full (found: List<int64>[]) = found |> Array.forall (fun f -> int64 f.Count = P)

    // A random order of the training data, gone through until every class has its P images.
    let select (step: IStepContext) =
        let count = context.SourceCount "train"
        let order = SeededPermutation(step.Random.Derive("natural").Value, count)
        let found = Array.init (int classes) (fun _ -> List<int64>())
        let chunk = 512L
        let mutable first = 0L
        use _ = torch.no_grad ()

        while first < count && not (full found) do
            step.Cancellation.ThrowIfCancellationRequested()
            use _ = torch.NewDisposeScope()
            let numbers = [| for i in first .. min count (first + chunk) - 1L -> order[i] |]
            let batch = step.Read("train", ReadOnlyMemory numbers)

            let labels =
                TargetReader.As<ClassIndexTarget>(batch.Target, "Strategy 'infer'").Labels

            numbers |> Array.iteri (keep (labels.cpu().data<int64>().ToArray()) batch found)
            first <- first + chunk

        if not (full found) then
            let lacking = found |> Array.findIndex (fun f -> int64 f.Count < P)

            raise (
                KdException(
                    CoreErrors.WrongCombination,
                    $"Strategy 'infer' needs {P} natural images of every class; class {lacking} has {found[lacking].Count} "
                    + "in the training data.",
                    "Lower \"imagesPerClass\", or take more data."
                )
            )

    // Section 3.2: v = roll(x + u), L = CE + r_bn BN, over one image of every class at once.
    let objective (step: IStepContext) (role: string) (x: torch.Tensor) (labels: torch.Tensor) () =
        let unit =
            torch.tensor(Seq.toArray deviations, torch.ScalarType.Float32, context.Device).view(1L, -1L, 1L, 1L)

        let random = SeededRandom(step.Random.Derive("jitter").Value)
        let v = Inversion.Jitter(x.add (u.mul unit), random, options.Crop, options.Jitter)

        let seen =
            step.EvaluationView(role, Batch(v, ClassIndexTarget labels, torch.full (classes, -1L)))

        let struct (ce, gap) =
            Inversion.Terms(role, context.Network role, seen.Input, labels, options.FirstNormWeight)

        step.Report("ce", ce)
        step.Report("statistics", gap)
        ce.add (gap.mul (options.StatisticsWeight.ToScalar()))

    // Step i is iteration i mod N of compensator i div N; compensators go teacher by teacher.
    let compensate (step: IStepContext) =
        let item, e = step.Progress.Step / iterations, step.Progress.Step % iterations
        let role, p = options.Teachers[int (item / P)], item % P
        let labels = torch.arange (classes, device = context.Device)

        let x =
            images.detach().narrow(0L, p * classes, classes).to_type(torch.ScalarType.Float32).div((255.0).ToScalar())

        if e = 0L then
            use _ = torch.no_grad ()
            u.zero_ () |> ignore
            step.Restart trainable

        step.Update([| trainable |], objective step role x labels) |> ignore

        if e = iterations - 1L || step.Progress.Step = step.Progress.TotalSteps - 1L then
            use _ = torch.no_grad ()
            let struct (code, range) = CompensatorCode.Encode u
            codes.narrow(0L, item, 1L).copy_ code |> ignore
            ranges.narrow(0L, item, 1L).copy_ range |> ignore

    /// The natural images, uint8 [P C, ch, H, W].
    member _.Images: torch.Tensor = images

    /// The compensators' codes uint8 [M P, ch, H, W] and ranges float32 [M P, ch, 2]; null for none.
    member _.Codes: torch.Tensor = codes

    /// See Codes.
    member _.Ranges: torch.Tensor = ranges

    /// All instances, with their classes.
    member _.Source: IDataSource =
        CompensatedSource(images, codes, ranges, deviations, classes, null)

    /// "select", and "compensate" where there are compensators.
    member _.Stages: Stage[] =
        [|
            Stage("select", StageLength.Steps 1L, select)

            if M > 0L then
                Stage("compensate", StageLength.Steps(M * P * iterations), compensate, Trainables = [| trainable |])
        |]
