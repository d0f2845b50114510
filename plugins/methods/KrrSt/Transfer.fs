namespace KdPlugins.KrrSt

open System
open TorchSharp
open TorchSharp.Modules
open KdPlugins.Core
open KdPlugins.Sdk
open KdPlugins.Torch

/// What is done with a set: a network learns it by regression, then the student takes over all but the last layer.
/// Raises KDP0332 where a loss of the recipe needs a teacher.
/// source: gives the set, with soft targets or, for the objective "labels", with classes. width: the number of target values
/// per image, or of classes. toInput: brings the source's images into the space of inputs.
[<Sealed>]
type internal Transfer
    (asker: Asker, context: IPlanContext, options: TransferOptions, source: string, width: int64, toInput) =

    // Fine-tuning has no teacher.
    do
        if context.Training.Epochs > 0L then
            Untaught.Require($"{asker} fine-tunes", context)

    let role = options.Student
    let student = context.Network role

    // The prefix of the last layer's parameters: the last weight with a row per output.
    let head () : string =
        let isHead (struct (name: string, p: Parameter)) =
            name.EndsWith("weight", StringComparison.Ordinal)
            && p.dim () = 2L
            && p.shape[0] = student.Shape.Classes

        match student.Module.named_parameters () |> Seq.tryFindBack isHead with
        | Some(struct (name, _)) -> name.Substring(0, name.Length - "weight".Length)
        | None ->
            raise (asker.WrongCombination "has to exchange the student's last layer, and that is not a linear one.")

    let draw (step: IStepContext) : Batch =
        let batch = step.Next source
        batch.WithInput((toInput batch.Input: torch.Tensor).ToChannelsLast())

    let seen (step: IStepContext) (batch: Batch) =
        let view = Siamese.Apply(batch.Input, step.Random.Derive "siamese", Siamese.Kinds)
        batch.WithInput(view.ToChannelsLast())

    // roles: those that are in training mode, and evaluated.
    let stage name epochs source (trainable: Trainable) roles (objective: IStepContext -> torch.Tensor) =
        Stage(
            name,
            StageLength.Epochs epochs,
            (fun step -> step.Update([| trainable |], (fun () -> objective step)) |> ignore),
            Source = source,
            Trainables = [| trainable |],
            Trains = roles,
            Evaluates = roles
        )

    /// L_in by a new network with an output per target value, or cross-entropy with one per class.
    let preTrain () : Stage =
        let learns, prefix = options.PreTrain, head ()

        let network = context.NewNetwork(role, context.Random.Derive "pre-train", width)
        context.State.Register("pre-trained", network.Module)

        let trainable =
            Trainable.Of("pre-trained", network.Module, learns.Settings, Func<Progress, double> learns.Rate)

        let objective (step: IStepContext) =
            let batch = draw step
            let say (view: Batch) = step.Forward(network, view, null).Logits

            if learns.LearnsClasses then
                torch.nn.functional.cross_entropy (say (seen step batch), RealImages.labels batch)
            else
                let target =
                    TargetReader.As<SoftTarget>(batch.Target, "Pre-training on a distilled set")

                Ridge.Regression(say batch, target.Values)

        let made = stage "pre-train" (int64 learns.Epochs) source trainable [||] objective
        let isFeature (name: string) = not (name.StartsWith(prefix, StringComparison.Ordinal))
        made.End <- Action<IStepContext>(fun _ -> Weights.copy network student isFeature)
        made

    /// Distillation on the set's images alone, each batch under one augmentation; their targets are not used.
    let freeKd () : Stage =
        let taught, learnt =
            (context.Network options.Teacher).Shape.Classes, student.Shape.Classes

        if taught <> learnt then
            raise (asker.WrongShape $"distils {taught} classes of '{options.Teacher}' into {learnt} of '{role}'.")

        let adam =
            OptimiserSettings(Name = "adamw", LearningRate = options.FreeKd.LearningRate)
        // Per epoch, as the released code.
        let cosine (p: Progress) = SynthesisMath.CosineDecay(p.Epoch, max 1L p.TotalEpochs)
        let trainable = Trainable.Of(role, student.Module, adam, cosine)

        let objective (step: IStepContext) =
            let view = seen step (draw step)
            let taught = step.Forward(options.Teacher, view, null).Logits
            let said = step.Forward(role, view, null).Logits
            // mean_i -sum_c softmax(z_T)_c log softmax(z_S)_c
            KdMath.SoftCrossEntropy(said, KdMath.LogProbabilities(taught, 1.0).exp())

        stage "free-kd" (int64 options.FreeKd.Epochs) source trainable [| role |] objective

    /// Ordinary training of the whole student on the main data set, with the recipe's losses and training section.
    let fineTune () : Stage =
        let objective (step: IStepContext) =
            let view = step.View(role, step.Next "train")
            step.Objective(readOnlyDict [ role, step.Forward(role, view, null) ], role, null, view)

        stage "fine-tune" context.Training.Epochs "train" (context.TrainableOf role) [| role |] objective

    /// What a source holds. Raises KDP0304 where it has no targets of the kind that pre-training learns, KDP0305 where there is no
    /// such source.
    static member DataOf(asker: Asker, context: IPlanContext, source: string, options: PreTrainOptions) : DataInfo =
        let data = context.SourceData source

        let wanted, name =
            if options.LearnsClasses then
                TargetKind.ClassIndex, "labels"
            else
                TargetKind.Soft, "soft"

        if data.Target <> wanted then
            raise (
                asker.Refusal(
                    CoreErrors.TargetKind,
                    $"pre-trains on {wanted} targets by {options.Objective}; the source '{source}' gives {data.Target}.",
                    $"Take a data set with such targets (of a distilled set: \"target\" \"{name}\"), or change \"preTrain.objective\"."
                )
            )

        data

    /// The stages that are longer than nothing.
    member _.Stages: Stage list =
        [
            if options.PreTrain.Epochs > 0 then
                preTrain ()
            if options.FreeKd.Epochs > 0 then
                freeKd ()
            if context.Training.Epochs > 0L then
                fineTune ()
        ]
