namespace KdPlugins.KrrSt

open KdPlugins.Core
open KdPlugins.Sdk

/// Uses a set that was distilled before: a source of the data set "distilled-set" with soft targets, or with labels. The stages after
/// distillation of "krr-st": "pre-train", "free-kd", "fine-tune". Any architecture can take the student's role.
[<Sealed;
  KdStrategy("krr-st-transfer",
             Description = "Pre-trains on a distilled set, then distils without data or fine-tunes",
             Paper =
                 "Lee, Lee, Ko, Kawaguchi, Lee, Hwang: Self-Supervised Dataset Distillation for Transfer Learning, ICLR 2024")>]
type KrrStTransferStrategy() =
    inherit DistillationStrategy<KrrStTransferOptions>()

    override this.Needs = this.Options.Needs

    override this.Result = this.Options.Student

    /// Raises KDP0304 where the source has no targets of the kind that pre-training learns, KDP0305 where there is no such source.
    override this.Plan context =
        let options, asker = this.Options, this.Asker
        let data = Transfer.DataOf(asker, context, options.Source, options.PreTrain)
        let toInput = (RealImages.space asker data options.Normalised).Normalise
        Transfer(asker, context, options, options.Source, data.Classes, toInput).Stages
