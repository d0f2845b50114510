namespace KdPlugins.Strategies

open System.ComponentModel.DataAnnotations
open KdPlugins.Core
open KdPlugins.Sdk

/// The options of the strategy "supervised".
[<Sealed; AllowNullLiteral>]
type SupervisedOptions() =

    /// The role that is trained, and the run's result. Default: student.
    [<Required; MinLength(1)>]
    member val Role = Roles.Student with get, set

    /// The source that it learns from: train, or one of the recipe's sources (a teacher of another domain). Default: train.
    [<Required; MinLength(1)>]
    member val Source = "train" with get, set

    /// The source that it is evaluated on after every epoch. Default: validation.
    [<Required; MinLength(1)>]
    member val Validation = "validation" with get, set

/// Trains one network on the data set's targets with the phase's losses; nobody teaches. One stage, "train", of as many
/// epochs as the recipe says. Serves to make teachers and baselines.
[<Sealed; KdStrategy("supervised", Description = "Trains one role on the data set's targets, without a teacher")>]
type SupervisedStrategy() =
    inherit DistillationStrategy<SupervisedOptions>()

    override this.Needs =
        let options = this.Options
        [| options.Role |]

    override this.Result = this.Options.Role

    /// Raises KDP0332 where a loss of the recipe needs a teacher, KDP0305 where the recipe has no such source.
    override this.Plan context =
        let role = this.Options.Role
        let source = this.Options.Source
        let validation = this.Options.Validation

        Untaught.Require($"{this.Asker} trains '{role}'", context)
        context.SourceCount source |> ignore

        // A recipe may do without validation data, but a source that it names has to be there.
        if validation <> "validation" then
            context.SourceCount validation |> ignore

        let trainable = context.TrainableOf role

        let step (s: IStepContext) =
            let objective () =
                let view = s.View(role, s.Next source)
                s.Objective(s.Forward(role, view, null), null, view)

            s.Update([| trainable |], objective) |> ignore

        [|
            Stage(
                "train",
                StageLength.Epochs context.Training.Epochs,
                step,
                Source = source,
                Validation = validation,
                Trainables = [| trainable |],
                Trains = [| role |],
                Evaluates = [| role |]
            )
        |]
