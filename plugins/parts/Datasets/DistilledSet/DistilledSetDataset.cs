using System.Security.Cryptography;
using System.Text;
using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;

namespace KdPlugins.Datasets;

/// <summary>An opened distilled set with the targets that a recipe asks for.</summary>
internal sealed class DistilledSetDataset : IDataset
{
    private static readonly string[] SplitNames = ["train"];
    private readonly DistilledSet _set;
    private readonly string _target;

    public DistilledSetDataset(DistilledSet set, string target)
    {
        _set = set;
        try
        {
            _target = Choose(target);
        }
        catch
        {
            ((IDisposable)set).Dispose();
            throw;
        }
        var card = set.Card;
        // Soft targets need not be one per class of the data: their width is what a network has to have.
        var classes = _target == "soft" ? set.Soft.shape[1] : card.Classes;
        var kind = _target switch
        {
            "labels" => TargetKind.ClassIndex,
            "soft" => TargetKind.Soft,
            _ => TargetKind.None,
        };
        var names = classes == card.Classes ? card.ClassNames : [];
        Info = new DataInfo(InputKind.Image, card.InputShape, kind, classes, names, card.Mean, card.Std, []);
    }

    public DataInfo Info { get; }

    public IReadOnlyCollection<string> Splits => SplitNames;

    public string Fingerprint =>
        Convert.ToHexStringLower(
            SHA256.HashData(Encoding.UTF8.GetBytes($"distilled-set\0{_set.Card.Sha256}\0{_target}\0{Info.Classes}"))
        );

    public IDataSource Open(string split) =>
        split == "train"
            ? new DistilledSource(_set, Info.Target)
            : throw Asker.Of(typeof(DistilledSetPlugin)).NoSplit(split, SplitNames);

    public void Dispose() => ((IDisposable)_set).Dispose();

    private string Choose(string target)
    {
        var given = _set.Card.Targets;
        if (target == "auto")
            return given.Count > 0 ? given[0] : "none";
        return target == "none" || given.Contains(target)
            ? target
            : throw new KdException(
                CoreErrors.TargetKind,
                $"The distilled set '{_set.Card.Name}' has no '{target}' targets; it has: "
                    + $"{(given.Count > 0 ? string.Join(", ", given) : "none")}.",
                "Set \"target\" to one of them, or to \"none\"."
            );
    }
}
