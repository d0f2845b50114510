namespace KdPlugins.SelectiveFd

open KdPlugins.Core

/// What a mode does, with what the recipe says in place of its own.
type internal Settings =
    {
        Selector: ClientSelector
        /// As a share of log C.
        MaxEntropy: double
        Sharing: Sharing
        WarmUp: int64
        Exchanges: bool
    }

    /// Whether density ratios are estimated.
    member this.Estimates = this.Exchanges && this.Selector <> ClientSelector.None

    static member Of(o: SelectiveFdOptions) : Settings =
        let selective = o.Mode = Mode.Selective
        let given value fallback = Option.defaultValue fallback (Option.ofNullable value)

        let sharing =
            if o.Mode = Mode.FedDf then
                Sharing.Logits
            else
                Sharing.Probabilities

        {
            Selector =
                given
                    o.ClientSelector
                    (if selective then
                         ClientSelector.DensityRatio
                     else
                         ClientSelector.None)
            MaxEntropy = given o.MaxEntropy (if selective then 0.75 else 1.0)
            Sharing = given o.Sharing sharing
            WarmUp = int64 (given o.WarmUpSteps (if o.Mode = Mode.FedMd then 50 else 0))
            Exchanges = o.Mode <> Mode.Local
        }
