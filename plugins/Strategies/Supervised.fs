namespace KdPlugins.Strategies

open System
open System.ComponentModel.DataAnnotations
open KdPlugins.Core
open KdPlugins.Sdk
open KdPlugins.Torch

/// The options of the strategy "supervised".
[<Sealed; AllowNullLiteral>]
type SupervisedOptions() =

    /// The role that is trained, and the run's result. Default: student.
    [<Required; MinLength(1)>]
    member val Role = Roles.Student with get, set

/// Trains one network on the data set's targets with the phase's losses; nobody teaches. One stage, "train", of as many
/// epochs as the recipe says. Serves to make teachers and baselines.
[<Sealed; KdStrategy("supervised", Description = "Trains one role on the data set's targets, without a teacher")>]
type SupervisedStrategy() =
    inherit DistillationStrategy<SupervisedOptions>()

    override this.Needs =
        let options = this.Options
        [| options.Role |]

    override this.Result = this.Options.Role

    /// Raises KDP0306 where a loss of the recipe needs a teacher.
    override this.Plan context =
        let role = this.Options.Role

        if context.TeacherLosses.Count > 0 then
            let losses = String.Join(", ", context.TeacherLosses)

            raise (
                KdException(
                    CoreErrors.WrongCombination,
                    $"Strategy 'supervised' trains '{role}' without a teacher, and these losses need one: {losses}.",
                    "Take the strategy 'offline', or give the phase losses that need none, such as 'cross-entropy'."
                )
            )

        let trainable = context.TrainableOf role

        let step (s: IStepContext) =
            let objective () =
                let view = s.View(role, s.Next "train")
                s.Objective(s.Forward(role, view, null), null, view)

            s.Update([| trainable |], objective) |> ignore

        [|
            Stage(
                "train",
                StageLength.Epochs context.Training.Epochs,
                step,
                Trainables = [| trainable |],
                Trains = [| role |],
                Evaluates = [| role |]
            )
        |]
