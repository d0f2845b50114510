namespace KdPlugins.Core

open System
open System.Threading
open TorchSharp
open KdPlugins.Torch

/// Which samples were asked for, in words.
module private Asked =

    /// The first four numbers, and that there are more.
    let text (numbers: ReadOnlyMemory<int64>) =
        let shown = numbers.Slice(0, min 4 numbers.Length).ToArray()
        let more = if numbers.Length > shown.Length then ", ..." else ""
        String.Join(", ", shown) + more

/// Whether a batch is what a data set promises. Form, numbers and labels are looked at in every batch, which costs
/// microseconds on the thread that reads ahead; values in the first batches and then in one of so many.
/// who: the data set or the source in words. info: what it says of itself; null for sources that strategies add.
[<Sealed>]
type internal BatchCheck(who: string, info: DataInfo) =
    // Methods that learn images leave [0, 1] (an unclamped distilled set is one): what is refused is another scale.
    let least, most = -16.0, 16.0
    let firstBatches, oneIn = 4, 64
    let mutable reads = -1

    let wrong (code: ErrorCode) (found: string) = Fail.error code $"{who} {found}"

    let text (tensor: Tensor) = TensorText.Describe tensor

    let count (what: string) (asked: ReadOnlyMemory<int64>) (found: int64) =
        if found <> int64 asked.Length then
            wrong
                PluginErrors.OtherCount
                $"was asked for {asked.Length} samples (numbers {Asked.text asked}) and gave {found} {what}."

    let onCpu (what: string) (tensor: Tensor) (kinds: torch.ScalarType[]) =
        if tensor.device_type <> DeviceType.CPU || not (Array.contains tensor.dtype kinds) then
            let expected = String.Join(" or ", kinds)

            wrong
                PluginErrors.OtherKind
                $"gives {what} as {text tensor} on {tensor.device}; {expected} on the CPU is expected."

    let form (asked: ReadOnlyMemory<int64>) (input: Tensor) =
        let kinds =
            if not (isNull info) && info.Kind = InputKind.Tokens then
                [| torch.ScalarType.Int64 |]
            elif isNull info && input.dtype = torch.ScalarType.Int64 then
                [| torch.ScalarType.Int64 |]
            else
                [| torch.ScalarType.Byte; torch.ScalarType.Float32 |]

        onCpu "inputs" input kinds

        if input.dim () = 0L then
            wrong PluginErrors.OtherShape $"gives inputs as {text input}; the first dimension is that of samples."

        count "inputs" asked input.shape[0]

        if not (isNull info) then
            let declared = info.InputShape

            let fits =
                input.dim () = int64 declared.Count + 1L
                && Seq.forall2 (fun said got -> said < 0L || said = got) declared (Seq.skip 1 input.shape)

            if not fits then
                let said = String.Join(", ", declared)

                wrong
                    PluginErrors.OtherShape
                    $"gives inputs as {text input} for the samples {Asked.text asked}; its Info says [{said}] for a sample."

    let numbers (asked: ReadOnlyMemory<int64>) (batch: Batch) =
        let indices = batch.Indices

        if isNull indices then
            wrong PluginErrors.OtherIndices "gives batches without indices."

        onCpu "indices" indices [| torch.ScalarType.Int64 |]
        count "indices" asked (indices.numel ())
        let given = indices.data<int64>().ToArray()

        for i in 0 .. given.Length - 1 do
            let generated = isNull info && given[i] = -1L

            if given[i] <> asked.Span[i] && not generated then
                wrong
                    PluginErrors.OtherIndices
                    $"was asked for the sample {asked.Span[i]} at place {i} of a batch and says that it gave {given[i]}."

    // Raised with the sample that has the first of them.
    let sampleOf (asked: ReadOnlyMemory<int64>) (bad: Tensor) =
        let row =
            bad.reshape(bad.shape[0], -1L).any(1L).to_type(torch.ScalarType.Byte).argmax().item<int64>()

        struct (row, asked.Span[int row])

    let inClasses (asked: ReadOnlyMemory<int64>) (labels: Tensor) (classes: int64) (ignored: Nullable<int64>) =
        if classes > 0L && labels.numel () > 0L then
            let outside = labels.lt(0L.ToScalar()).logical_or(labels.ge (classes.ToScalar()))

            let outside =
                if ignored.HasValue then
                    outside.logical_and (labels.ne (ignored.Value.ToScalar()))
                else
                    outside

            if outside.any().item<bool>() then
                let struct (row, sample) = sampleOf asked outside
                let label = (labels[row].masked_select(outside[row])).[0L].item<int64>()

                raise (
                    KdException(
                        DataErrors.LabelOutOfRange,
                        $"{who} gives the label {label} for sample {sample}; its Info says {classes} classes, so that labels go from 0 to {classes - 1L}.",
                        "Number the classes from 0, or say the right number of classes in the data set's Info."
                    )
                )

    let target (asked: ReadOnlyMemory<int64>) (given: Target) (withValues: bool) =
        let classes = if isNull info then 0L else info.Classes

        if isNull given then
            wrong PluginErrors.OtherTarget "gives batches without a target; NoTarget stands for none."

        count "targets" asked given.Count

        if not (isNull info) && given.Kind <> info.Target then
            wrong PluginErrors.OtherTarget $"gives targets of the kind {given.Kind}; its Info says {info.Target}."

        match given with
        | :? ClassIndexTarget as t ->
            onCpu "labels" t.Labels [| torch.ScalarType.Int64 |]

            if t.Labels.dim () <> 1L then
                wrong PluginErrors.OtherTarget $"gives labels as {text t.Labels}; one per sample is expected."

            // In every batch: a loop over so few numbers is cheaper than operators.
            if
                classes > 0L
                && t.Labels.data<int64>().ToArray()
                   |> Array.exists (fun y -> y < 0L || y >= classes)
            then
                inClasses asked t.Labels classes (Nullable())
        | :? ClassMapTarget as t ->
            onCpu "labels" t.Labels [| torch.ScalarType.Int64 |]

            if withValues then
                inClasses asked t.Labels classes (Nullable t.IgnoreIndex)
        | :? SoftTarget as t ->
            onCpu "soft labels" t.Values [| torch.ScalarType.Float32 |]

            if classes > 0L && (t.Values.dim () <> 2L || t.Values.shape[1] <> classes) then
                wrong PluginErrors.OtherTarget $"gives soft labels as {text t.Values}; its Info says {classes} classes."

            if withValues && not (t.Values.isfinite().all().item<bool>()) then
                let struct (_, sample) = sampleOf asked (t.Values.isfinite().logical_not())
                wrong PluginErrors.ValueNotFinite $"gives a soft label that is not finite for sample {sample}."
        | :? BoxTarget as t when withValues && classes > 0L ->
            for i in 0 .. t.Labels.Count - 1 do
                if t.Labels[i].numel() > 0L then
                    inClasses (asked.Slice(i, 1)) (t.Labels[i].reshape(1L, -1L)) classes (Nullable())
        | _ -> ()

    let values (asked: ReadOnlyMemory<int64>) (input: Tensor) =
        if input.dtype = torch.ScalarType.Float32 && input.numel () > 0L then
            let low, high = input.min().item<float32>(), input.max().item<float32>()

            if not (Single.IsFinite low && Single.IsFinite high) then
                let struct (_, sample) = sampleOf asked (input.isfinite().logical_not())
                wrong PluginErrors.ValueNotFinite $"gives values that are not finite for sample {sample}."

            if float low < least || float high > most then
                let outside = input.lt(least.ToScalar()).logical_or(input.gt (most.ToScalar()))

                let struct (_, sample) = sampleOf asked outside

                wrong
                    PluginErrors.OtherRange
                    $"gives values from {low} to {high} as {text input}, the first such in sample {sample}; floats of images lie in [0, 1]."

    /// Raises KDP0405 and KDP0760 to KDP0766 with the sample that was wrong.
    member _.See(asked: ReadOnlyMemory<int64>, batch: Batch) =
        use _ = torch.NewDisposeScope()
        use _ = torch.no_grad ()
        let read = Interlocked.Increment &reads
        let withValues = read < firstBatches || read % oneIn = 0

        if isNull batch || isNull batch.Input then
            Fail.error PluginErrors.Nothing $"{who} gave null for the samples {Asked.text asked}."

        form asked batch.Input
        numbers asked batch
        target asked batch.Target withValues

        if withValues && (isNull info || info.Kind = InputKind.Image) then
            values asked batch.Input

/// A source of a plugin that looks at every batch where it comes in.
/// owner: the data set or strategy that it belongs to. name: the split or the source, in words.
[<Sealed>]
type internal CheckedSource(owner: obj, name: string, info: DataInfo, source: IDataSource) =
    let who = PluginNames.find owner
    let check = BatchCheck($"{PluginCall.upper who} ({name})", info)

    let place (indices: ReadOnlyMemory<int64>) () = $"while samples {Asked.text indices} of {name} were read"

    /// The plugin's own.
    member _.Source = source

    interface IDataSource with
        member _.Count =
            PluginCall.at owner (fun () -> $"while {name} was counted") (fun () -> source.Count)

        member _.Read indices =
            PluginCall.at owner (place indices) (fun () ->
                let batch = source.Read indices
                check.See(indices, batch)
                batch)

/// What a data set says of itself.
module internal DataSetCheck =

    let private wrong (owner: obj) (found: string) =
        Fail.error PluginErrors.BadInfo $"{PluginCall.upper (PluginNames.find owner)} {found}"

    let private statistics
        owner
        (name: string)
        (values: Collections.Generic.IReadOnlyList<double>)
        channels
        (low: float)
        =
        if not (isNull values) && values.Count > 0 then
            if channels > 0L && int64 values.Count <> channels then
                wrong owner $"says {values.Count} values of {name} for {channels} channels."

            for value in values do
                if not (value >= low && value <= 1.0) then
                    wrong
                        owner
                        $"says {name} {value}: it is that of values in [0, 1]; divide by 255 what was measured on 0 to 255."

    /// Raises KDP0767 for a data set that cannot be relied on.
    let require (owner: obj) (data: IDataset) =
        let info = data.Info

        if isNull (box info) then
            wrong owner "has no Info."

        if isNull info.InputShape || info.InputShape.Count = 0 then
            wrong owner "says no InputShape."

        if String.IsNullOrWhiteSpace data.Fingerprint then
            wrong
                owner
                "has an empty Fingerprint: a SHA-256 over what its samples are made from is expected, by which a resume knows that the data are the same."

        if isNull data.Splits || data.Splits.Count = 0 then
            wrong owner "names no Splits; 'train' is one."

        let channels = if info.InputShape.Count = 3 then info.InputShape[0] else 0L
        statistics owner "Mean" info.Mean channels 0.0
        statistics owner "Std" info.Std channels Double.Epsilon

        match info.Target with
        | TargetKind.ClassIndex
        | TargetKind.ClassMap when info.Classes < 1L ->
            wrong owner $"says {info.Classes} classes for targets of classes."
        | _ -> ()

        if
            not (isNull info.ClassNames)
            && info.ClassNames.Count > 0
            && int64 info.ClassNames.Count <> info.Classes
        then
            wrong owner $"says {info.ClassNames.Count} class names for {info.Classes} classes."
