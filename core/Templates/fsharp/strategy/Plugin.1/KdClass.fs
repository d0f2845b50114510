namespace Plugin._1

open System.ComponentModel.DataAnnotations
open KdPlugins.Core
open KdPlugins.Sdk

/// The options of the strategy "plugin-id-1".
[<Sealed; AllowNullLiteral>]
type KdClassOptions() =

    /// Epochs in which the student learns from the teacher alone, before those that the recipe says, 0 to 100,000.
    /// Default: 1.
    [<Range(0, 100_000)>]
    member val GuidedEpochs = 1 with get, set

/// Two stages: "guided" follows the teacher by those losses alone that need one, "distil" by all losses of the recipe,
/// as the hints of the paper come before its distillation.
[<Sealed;
  KdStrategy("plugin-id-1",
             Version = "1.0.0",
             Description = "Learns from the teacher alone, then from the labels too",
             Paper = "Romero et al.: FitNets: Hints for Thin Deep Nets, 2015")>]
type KdClassStrategy() =
    inherit DistillationStrategy<KdClassOptions>()

    override this.Plan context =
        let guided = int64 this.Options.GuidedEpochs
        let student = context.TrainableOf Roles.Student

        let stage name (epochs: int64) objective =
            let step (s: IStepContext) =
                let loss () =
                    let batch = s.Next "train"
                    let taught = s.Forward(Roles.Teacher, s.View(Roles.Teacher, batch), null)
                    let view = s.View(Roles.Student, batch)
                    objective s (s.Forward(Roles.Student, view, null)) taught view

                s.Update([| student |], loss) |> ignore

            Stage(
                name,
                StageLength.Epochs epochs,
                step,
                Trainables = [| student |],
                Trains = [| Roles.Student |],
                Evaluates = [| Roles.Student |]
            )

        [|
            stage "guided" guided (fun s own taught view -> s.Guidance(own, taught, view))
            stage "distil" context.Training.Epochs (fun s own taught view -> s.Objective(own, taught, view))
        |]
