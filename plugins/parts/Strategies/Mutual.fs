namespace KdPlugins.Strategies

open System.Collections.Generic
open System.ComponentModel.DataAnnotations
open KdPlugins.Core
open KdPlugins.Sdk

/// The options of the strategy "mutual".
[<Sealed; AllowNullLiteral>]
type MutualOptions() =

    /// The roles that teach each other, at least two; the first one is the run's result. Default: student, peer.
    [<Required; MinLength(2)>]
    member val Students: IReadOnlyList<string> = [| Roles.Student; "peer" |] with get, set

    interface IValidatableObject with
        member this.Validate _ =
            if
                not (isNull this.Students)
                && Seq.length (Seq.distinct this.Students) < this.Students.Count
            then
                [| ValidationResult("every role may be named once", [| "Students" |]) |]
            else
                [||]

/// Deep mutual learning (Zhang, Xiang, Hospedales, Lu, CVPR 2018): a cohort of students, none of them trained before. In each step
/// they are updated in turn on one batch, each by the labels and by what every other one says at that moment,
/// L_k = L_labels + 1 / (K - 1) sum over l != k of L(k, l) (equation 8 there): the recipe's losses for L, cross-entropy and KL
/// in the paper. One stage, "together", of as many epochs as the recipe says.
[<Sealed;
  KdStrategy("mutual",
             Description = "Students that are trained together and teach each other",
             Paper = "Zhang, Xiang, Hospedales, Lu: Deep Mutual Learning, CVPR 2018")>]
type MutualStrategy() =
    inherit DistillationStrategy<MutualOptions>()

    override this.Needs = this.Options.Students |> Seq.toArray :> IReadOnlyCollection<string>

    override this.Result = this.Options.Students[0]

    override this.Plan context =
        let students = this.Options.Students
        let peersOf me = students |> Seq.filter ((<>) me) |> Seq.toArray

        let trainables =
            [| for me in students -> struct (me, context.TrainableOf(me, peersOf me)) |]

        let step (s: IStepContext) =
            let batch = s.Next "train"
            let views = dict [ for role in students -> role, s.View(role, batch) ]

            for struct (me, trainable) in trainables do
                let objective () =
                    let outputs = Dictionary<string, ModelOutput>()

                    for peer in peersOf me do
                        outputs[peer] <- s.Consult(peer, views[peer], null)

                    outputs[me] <- s.Forward(me, views[me], null)

                    // The mean over peers of labels and peer is the labels and the mean of the peers.
                    peersOf me
                    |> Seq.map (fun peer -> s.Objective(outputs, me, peer, views[me]))
                    |> Seq.reduce (fun sum one -> sum.add one)
                    |> fun sum -> sum / float (students.Count - 1)

                s.Update([| trainable |], objective) |> ignore

        [|
            Stage(
                "together",
                StageLength.Epochs context.Training.Epochs,
                step,
                Trainables = [| for struct (_, trainable) in trainables -> trainable |],
                Trains = Seq.toArray students,
                Evaluates = Seq.toArray students
            )
        |]
