namespace KdPlugins.KrrSt

open System
open System.Collections.Generic
open TorchSharp
open KdPlugins.Core
open KdPlugins.Torch

/// What is done with a set: a network learns it by regression, then the student takes over all but the last layer.
module internal Transfer =

    /// What all stages after distillation need to know.
    type Plan =
        {
            Context: IPlanContext

            Options: TransferOptions

            /// The source that gives the set, with soft targets or, for the objective "labels", with classes.
            Source: string

            /// The number of target values per image, or of classes.
            Width: int64

            /// Brings the source's images into the space of inputs.
            ToInput: torch.Tensor -> torch.Tensor
        }

    /// The kind of target that an objective of pre-training reads.
    let targetOf (options: PreTrainOptions) =
        if options.Objective = "labels" then
            TargetKind.ClassIndex
        else
            TargetKind.Soft

    /// Raises KDP0304 where a source has no targets of the kind that pre-training learns, KDP0305 where there is no such source.
    let requireTarget (strategy: string) (context: IPlanContext) (source: string) (options: PreTrainOptions) =
        let wanted, given = targetOf options, (context.SourceData source).Target

        if given <> wanted then
            let name = if wanted = TargetKind.Soft then "soft" else "labels"

            raise (
                KdException(
                    CoreErrors.TargetKind,
                    $"Strategy '{strategy}' pre-trains on {wanted} targets by {options.Objective}; the source '{source}' gives {given}.",
                    $"Take a data set with such targets (of a distilled set: \"target\" \"{name}\"), or change \"preTrain.objective\"."
                )
            )

    /// The share of the rate of pre-training.
    let rate (options: PreTrainOptions) (progress: Progress) =
        if options.Objective = "labels" && progress.Epoch >= progress.TotalEpochs / 2L then
            0.1
        else
            1.0

    /// The prefix of the last layer's parameters: the last weight with a row per output.
    let headOf (network: INetwork) : string =
        let isHead (p: torch.Tensor) = p.dim () = 2L && p.shape[0] = network.Shape.Classes

        let weights =
            network.Module.named_parameters ()
            |> Seq.filter (fun struct (name, p) -> name.EndsWith("weight", StringComparison.Ordinal) && isHead p)
            |> Seq.map (fun struct (name, _) -> name.Substring(0, name.Length - "weight".Length))

        match Seq.tryLast weights with
        | Some prefix -> prefix
        | None ->
            raise (
                KdException(
                    CoreErrors.WrongCombination,
                    "The student's last layer is not a linear one, so that it cannot be exchanged after pre-training."
                )
            )

    /// Copies parameters and buffers, all but the last layer's.
    let copyFeatures (source: INetwork) (target: INetwork) =
        use _ = torch.no_grad ()
        let head = headOf target
        let values = source.Module.state_dict ()

        for entry in target.Module.state_dict () do
            if not (entry.Key.StartsWith(head, StringComparison.Ordinal)) then
                entry.Value.copy_ values[entry.Key] |> ignore

    let private draw (plan: Plan) (step: IStepContext) : Batch =
        let batch = step.Next plan.Source
        batch.WithInput((plan.ToInput batch.Input).ToChannelsLast())

    let private seen (step: IStepContext) (batch: Batch) =
        let view = Siamese.Apply(batch.Input, step.Random.Derive "siamese", Siamese.Kinds)
        batch.WithInput(view.ToChannelsLast())

    // A stage that trains the student.
    let private training
        (plan: Plan)
        name
        epochs
        source
        (trainable: Trainable)
        (objective: IStepContext -> torch.Tensor)
        =
        let student = [| plan.Options.Student |]

        Stage(
            name,
            StageLength.Epochs epochs,
            (fun step -> step.Update([| trainable |], (fun () -> objective step)) |> ignore),
            Source = source,
            Trainables = [| trainable |],
            Trains = student,
            Evaluates = student
        )

    /// L_in by a new network with an output per target value, or cross-entropy with one per class.
    let preTrain (plan: Plan) : Stage =
        let context = plan.Context
        let student = context.Network plan.Options.Student
        headOf student |> ignore

        let network =
            context.NewNetwork(plan.Options.Student, context.Random.Derive "pre-train", plan.Width)

        context.State.Register("pre-trained", network.Module)

        let options = plan.Options.PreTrain

        let trainable =
            Trainable.Of("pre-trained", network.Module, options.Settings, rate options)

        let objective (step: IStepContext) =
            let batch = draw plan step
            let say (view: Batch) = step.Forward(network, view, null).Logits

            if targetOf options = TargetKind.ClassIndex then
                let target =
                    TargetReader.As<ClassIndexTarget>(batch.Target, "Pre-training on labels")

                torch.nn.functional.cross_entropy (say (seen step batch), target.Labels)
            else
                let target =
                    TargetReader.As<SoftTarget>(batch.Target, "Pre-training on a distilled set")

                Ridge.Regression(say batch, target.Values)

        Stage(
            "pre-train",
            StageLength.Epochs(int64 options.Epochs),
            (fun step -> step.Update([| trainable |], (fun () -> objective step)) |> ignore),
            Source = plan.Source,
            Trainables = [| trainable |],
            End = Action<IStepContext>(fun _ -> copyFeatures network student)
        )

    /// Distillation on the set's images alone, each batch under one augmentation; their targets are not used.
    let freeKd (plan: Plan) : Stage =
        let options = plan.Options

        let teacher, student =
            plan.Context.Network options.Teacher, plan.Context.Network options.Student

        if teacher.Shape.Classes <> student.Shape.Classes then
            raise (
                KdException(
                    CoreErrors.ShapesDiffer,
                    $"The stage 'free-kd' compares '{options.Teacher}' of {teacher.Shape.Classes} classes with '{options.Student}' of {student.Shape.Classes}."
                )
            )

        let adam =
            OptimiserSettings(Name = "adamw", LearningRate = options.FreeKd.LearningRate, WeightDecay = 0.0)

        // Per epoch, as the released code.
        let cosine (p: Progress) = 0.5 * (1.0 + Math.Cos(Math.PI * float p.Epoch / float (max 1L p.TotalEpochs)))
        let trainable = Trainable.Of(options.Student, student.Module, adam, cosine)

        let objective (step: IStepContext) =
            let view = seen step (draw plan step)
            let taught = step.Forward(options.Teacher, view, null).Logits
            let said = step.Forward(options.Student, view, null).Logits
            // mean_i -sum_c softmax(z_T)_c log softmax(z_S)_c
            KdMath.SoftCrossEntropy(said, KdMath.LogProbabilities(taught, 1.0).exp())

        training plan "free-kd" (int64 options.FreeKd.Epochs) plan.Source trainable objective

    /// Ordinary training of the whole student on the main data set, with the recipe's losses and training section.
    let fineTune (plan: Plan) : Stage =
        let student = plan.Options.Student

        let objective (step: IStepContext) =
            let view = step.View(student, step.Next "train")
            step.Objective(readOnlyDict [ student, step.Forward(student, view, null) ], student, null, view)

        training plan "fine-tune" plan.Context.Training.Epochs "train" (plan.Context.TrainableOf student) objective

    /// The stages that are longer than nothing.
    let stages (plan: Plan) : Stage list =
        [
            if plan.Options.PreTrain.Epochs > 0 then
                preTrain plan
            if plan.Options.FreeKd.Epochs > 0 then
                freeKd plan
            if plan.Context.Training.Epochs > 0L then
                fineTune plan
        ]

    /// Raises KDP0332 where a loss of the recipe needs a teacher: fine-tuning has none.
    let requireNoTeacherLoss (strategy: string) (context: IPlanContext) =
        if context.Training.Epochs > 0L then
            Untaught.Require($"Strategy '{strategy}' fine-tunes", context)
