namespace KdPlugins.Strategies

open System.ComponentModel.DataAnnotations
open KdPlugins.Core
open KdPlugins.Sdk

/// The options of the strategy "offline".
[<Sealed; AllowNullLiteral>]
type OfflineOptions() =

    /// The role that teaches; its weights do not change. Default: teacher.
    [<Required; MinLength(1)>]
    member val Teacher = Roles.Teacher with get, set

    /// The role that learns, and the run's result. Default: student.
    [<Required; MinLength(1)>]
    member val Student = Roles.Student with get, set

    /// The source that both see: train, or one of the recipe's sources (images of another domain; losses that need no labels
    /// learn from any). Default: train.
    [<Required; MinLength(1)>]
    member val Source = "train" with get, set

/// The classical distillation: a teacher that no longer changes answers every batch, and the student follows it by the
/// weighted sum of the recipe's losses. One stage, "distil", of as many epochs as the recipe says. Teacher and student
/// see their own views of the same samples; where neither role has augmentations of its own, the same tensor.
[<Sealed; KdStrategy("offline", Description = "A fixed teacher, a student, and any weighted sum of losses")>]
type OfflineStrategy() =
    inherit DistillationStrategy<OfflineOptions>()

    override this.Needs =
        let options = this.Options
        [| options.Teacher; options.Student |]

    override this.Result = this.Options.Student

    /// Raises KDP0305 where the recipe has no such source.
    override this.Plan context =
        let teacher = this.Options.Teacher
        let student = this.Options.Student
        let source = this.Options.Source
        context.SourceCount source |> ignore

        let objective (step: IStepContext) =
            let batch = step.Next source
            let view = step.View(student, batch)
            let taught = step.Forward(teacher, step.View(teacher, batch), null)
            step.Objective(step.Forward(student, view, null), taught, view)

        let stages = Plans.Distil(context, student, objective)
        stages[0].Source <- source
        stages
