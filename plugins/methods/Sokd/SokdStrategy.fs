namespace KdPlugins.Sokd

open System
open System.Collections.Generic
open KdPlugins.Core
open KdPlugins.Sdk
open KdPlugins.Torch.Weights

/// Semi-online distillation: a trainable bridge on the frozen teacher's trunk and the student teach each other, the teacher
/// teaches the bridge. One stage, "distil", of one update per batch for both. All three see the student's view. The bridge is the
/// role "bridge" of the run; it is evaluated as the teacher that it makes, and that teacher's weights are written to
/// "outputs/bridged-teacher".
[<Sealed;
  KdStrategy("sokd",
             Description = "A bridge on the teacher's trunk and a student teach each other",
             Paper = "Liu, Liu, Huang: Semi-Online Knowledge Distillation, arXiv 2111.11747, 2021")>]
type SokdStrategy() =
    inherit DistillationStrategy<SokdOptions>()

    /// The role of the bridge.
    static member BridgeRole = "bridge"

    override this.Needs =
        let options = this.Options
        [| options.Teacher; options.Student |]

    override this.Result = this.Options.Student

    override this.OnConfigured() =
        let o = this.Options

        let ofBridge = o.BridgeLabels + o.BridgeFromTeacher + o.BridgeFromStudent

        if ofBridge + o.StudentLabels + o.StudentFromBridge = 0.0 then
            raise (this.Asker.WrongCombination("learns nothing: all of its weights are 0.", "Leave one above 0."))

    member private this.Splittable(context: IPlanContext) : ISplittableNetwork =
        match context.Network this.Options.Teacher with
        | :? ISplittableNetwork as network when network.Cuts.Count > 0 -> network
        | _ ->
            raise (
                this.Asker.WrongCombination(
                    $"puts a bridge on the trunk of '{this.Options.Teacher}', and that network cannot be cut.",
                    "Take a network of stages, such as 'wrn' or 'cifar-resnet'."
                )
            )

    // The answers to a batch, and what is learnt from them.
    member private this.Objective(step: IStepContext, cut: string) =
        let o, bridge = this.Options, SokdStrategy.BridgeRole
        let view = step.View(o.Student, step.Next "train")
        let taught = step.Consult(o.Teacher, view, [| cut |]) // h, o_T
        let bridged = step.ForwardFrom(bridge, taught, null) // o_A
        let answered = step.Forward(o.Student, view, null) // o_S

        // role learns from teacher, whose answer is a target; a part of the weight 0 is left out.
        let learn (role: string, answer: ModelOutput) (teacher: string, target: ModelOutput) (labels: float) weight =
            if labels + weight = 0.0 then
                null
            else
                let outputs = Dictionary()
                outputs[role] <- answer
                outputs[teacher] <- target.Detach()
                step.Objective(outputs, role, teacher, view, labels, weight)

        [
            // L_KBM = a_1 CE(o_A, y) + a_2 KD(o_A, o_T) + a_3 KD(o_A, o_S)
            learn (bridge, bridged) (o.Teacher, taught) o.BridgeLabels o.BridgeFromTeacher
            learn (bridge, bridged) (o.Student, answered) 0.0 o.BridgeFromStudent
            // L_S = l_1 CE(o_S, y) + l_2 KD(o_S, o_A)
            learn (o.Student, answered) (bridge, bridged) o.StudentLabels o.StudentFromBridge
        ]
        |> List.filter (isNull >> not)
        |> List.reduce (+)

    // The teacher with the bridge in the place of its own last part, for whoever wants to use it.
    member private this.Export(context: IPlanContext, bridge: INetwork) =
        let teacher = context.Network this.Options.Teacher

        let write (folder: string) =
            let state = Dictionary(ModuleWeights.State teacher.Module)

            for own in ModuleWeights.State bridge.Module do
                state[own.Key] <- own.Value

            WeightTensors.Save(state, IO.Path.Combine(folder, "teacher.safetensors"))
            |> ignore

        context.Export("bridged-teacher", write)

    /// Raises KDP0302 for a cut that the teacher does not have, KDP0306 where it cannot be cut at all or nobody learns from
    /// another one.
    override this.Plan context =
        this.Asker.RequireTeacherLoss context
        let o, role = this.Options, SokdStrategy.BridgeRole
        let teacher = this.Splittable context

        let cut =
            if o.Cut = "" then
                teacher.Cuts[teacher.Cuts.Count - 1]
            else
                o.Cut

        let fresh =
            context.NewNetwork(o.Teacher, context.Random.Derive role, int teacher.Shape.Classes)

        let bridge = Bridge.Of(teacher, (fresh :?> ISplittableNetwork), cut)
        context.AddRole(role, bridge, o.Student)
        this.Export(context, bridge)

        let trainables =
            [|
                context.TrainableOf(role, [| o.Teacher; o.Student |])
                context.TrainableOf(o.Student, [| role |])
            |]

        let step (s: IStepContext) = s.Update(trainables, (fun () -> this.Objective(s, cut))) |> ignore

        let start =
            if o.BridgeStart = BridgeStart.Teacher then
                Action<IStepContext>(fun _ -> bridge.StartFromTeacher())
            else
                null

        [|
            Stage(
                "distil",
                StageLength.Epochs context.Training.Epochs,
                step,
                Trainables = trainables,
                Trains =
                    [|
                        o.Student
                        role

                        if o.TrunkNorms = TrunkNorms.Moving then
                            o.Teacher
                    |],
                Evaluates = [| o.Student; role |],
                Begin = start
            )
        |]
