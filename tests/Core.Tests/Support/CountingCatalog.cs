using System.Globalization;

namespace KdPlugins.Core.Tests.Support;

/// <summary>Counts what is made of each plugin, what of it is not disposed yet, and how often splits are opened and data sets identified.</summary>
internal sealed class CountingCatalog(IPluginCatalog inner) : IPluginCatalog
{
    private readonly SortedDictionary<string, int> _made = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, int> _opened = new(StringComparer.Ordinal);

    /// <summary>As <c>loss/kd 1</c>.</summary>
    internal IEnumerable<string> Made => _made.Select(m => $"{m.Key} {m.Value}");

    /// <summary>As <c>train 1</c>, or <c>fingerprint 1</c>, over all data sets.</summary>
    internal IEnumerable<string> Opened => _opened.Select(o => $"{o.Key} {o.Value}");

    internal int Live { get; private set; }

    public IReadOnlyList<PluginDescriptor> Plugins => inner.Plugins;

    public IPluginInstance Create(PluginKind kind, string id)
    {
        Count(_made, $"{kind.ToString().ToLower(CultureInfo.InvariantCulture)}/{id}");
        Live++;
        var made = inner.Create(kind, id);
        return new Instance(
            this,
            made,
            kind == PluginKind.Dataset ? new Dataset(this, (IDatasetPlugin)made.Plugin) : made.Plugin
        );
    }

    private static void Count(SortedDictionary<string, int> counts, string key) =>
        counts[key] = counts.GetValueOrDefault(key) + 1;

    private sealed class Instance(CountingCatalog owner, IPluginInstance made, IPlugin plugin) : IPluginInstance
    {
        public PluginDescriptor Descriptor => made.Descriptor;

        public IPlugin Plugin => plugin;

        public void Dispose()
        {
            owner.Live--;
            made.Dispose();
        }
    }

    private sealed class Dataset(CountingCatalog owner, IDatasetPlugin plugin) : IDatasetPlugin
    {
        public Type OptionsType => plugin.OptionsType;

        public void Configure(object options) => plugin.Configure(options);

        public IDataset Open(string baseFolder) => new Data(owner, plugin.Open(baseFolder));
    }

    private sealed class Data(CountingCatalog owner, IDataset data) : IDataset
    {
        public DataInfo Info => data.Info;

        public IReadOnlyCollection<string> Splits => data.Splits;

        public string Fingerprint
        {
            get
            {
                Count(owner._opened, "fingerprint");
                return data.Fingerprint;
            }
        }

        public IDataSource Open(string split)
        {
            Count(owner._opened, split);
            return data.Open(split);
        }

        public void Dispose() => data.Dispose();
    }
}
