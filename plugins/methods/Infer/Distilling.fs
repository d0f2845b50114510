namespace KdPlugins.Infer

open System
open System.Collections.Generic
open TorchSharp
open KdPlugins.Core
open KdPlugins.Sdk
open KdPlugins.Torch

/// The natural images of a run and their compensators while they are made: state of the run, a source, and the stages
/// "select" and "compensate".
[<Sealed>]
type internal Distilling(context: IPlanContext, options: InferOptions, budget: Budget, asker: Asker) =
    let classes = context.Data.Classes
    let shape = Seq.toArray context.Data.InputShape
    let P, M = budget.Natural, budget.CompensatorsPerImage

    let space = PixelSpace.Of context.Data

    let zeros (name: string) (dtype: torch.ScalarType) (dimensions: int64[]) : torch.Tensor =
        SmallSet.Zeros(context, name, dtype, dimensions, trained = false)

    let images =
        zeros "natural" torch.ScalarType.Byte (Array.append [| P * classes |] shape)

    let codes, ranges =
        if M = 0L then
            null, null
        else
            zeros "compensators" torch.ScalarType.Byte (Array.append [| M * P |] shape),
            zeros "compensator-ranges" torch.ScalarType.Float32 [| M * P; shape[0]; 2L |]

    // The compensator that is being made, in deviations of the data: u of section 3.2, [1, ch, H, W].
    let inversion =
        Inversion(context, options, "compensator", "u", Array.append [| 1L |] shape)

    let u = inversion.Values

    let keep (labels: int64[]) (batch: Batch) (found: List<int64>[]) (row: int) (number: int64) =
        let c = int labels[row]

        if int64 found[c].Count < P then
            let place = int64 found[c].Count * classes + int64 c
            found[c].Add number
            let x = batch.Input.select (0L, int64 row)
            images.select(0L, place).copy_(PixelSpace.ToBytes x) |> ignore

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

            let labels = TargetReader.As<ClassIndexTarget>(batch.Target, string asker).Labels

            numbers |> Array.iteri (keep (labels.cpu().data<int64>().ToArray()) batch found)
            first <- first + chunk

        if not (full found) then
            let lacking = found |> Array.findIndex (fun f -> int64 f.Count < P)

            raise (
                asker.WrongCombination(
                    $"needs {P} natural images of every class; class {lacking} has {found[lacking].Count} "
                    + "in the training data.",
                    "Lower \"imagesPerClass\", or take more data."
                )
            )

    // Section 3.2: v = roll(x + u), L = CE + r_bn BN, over one image of every class at once; compensators go teacher by teacher.
    let compensated (item: int64) =
        let x = images.detach().narrow(0L, item % P * classes, classes)
        struct (PixelSpace.FromBytes(x).add(space.Scale u), torch.arange (classes, device = context.Device))

    let store (item: int64) =
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
        CompensatedSource(images, codes, ranges, space, classes, null)

    /// "select", and "compensate" where there are compensators.
    member _.Stages: Stage[] =
        [|
            Stage("select", StageLength.Steps 1L, select)

            if M > 0L then
                inversion.Stage(
                    "compensate",
                    M * P,
                    (fun item -> options.Teachers[int (item / P)]),
                    (fun _ -> u.zero_ () |> ignore),
                    compensated,
                    ignore,
                    store
                )
        |]
