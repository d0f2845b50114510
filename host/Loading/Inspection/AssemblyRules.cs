namespace KdPlugins.Host.Loading.Inspection;

/// <summary>Machine, framework, contracts, dependencies and calls of the assemblies in a plugin's folder.</summary>
internal static class AssemblyRules
{
    internal static void Check(PreFlightReport report)
    {
        var entry = report.Entry!;
        CheckMachine(report, entry);
        CheckFramework(report, entry);
        foreach (var assembly in report.Assemblies.Values.Where(a => !ContractAssemblies.IsContract(a.Facts.Name)))
        {
            foreach (var reference in assembly.Facts.References)
                CheckReference(report, assembly, reference, isEntry: assembly == entry);
            ContractRules.Check(report, assembly);
            NativeRules.CheckImports(report, assembly, isEntry: assembly == entry);
            CheckExits(report, assembly, isEntry: assembly == entry);
        }
        foreach (var part in entry.Facts.Parts.Where(p => p.Problem is not null))
            report.Findings.Add(
                Finding.Warning(HostErrors.BadPart, $"class {part.TypeName} in {entry.Path} {part.Problem}.")
            );
        if (entry.Facts.Parts.All(p => p.Problem is not null))
            report.Findings.Add(
                Finding.Error(
                    HostErrors.BadPart,
                    entry.Facts.Parts.Count == 0
                        ? $"{entry.Path} has no class with an attribute of the SDK, such as [KdLoss(\"my-loss\")]."
                        : $"no class of {entry.Path} can be a plugin: {entry.Facts.Parts[0].TypeName} {entry.Facts.Parts[0].Problem}."
                )
            );
    }

    private static void CheckMachine(PreFlightReport report, InspectedAssembly entry)
    {
        if (entry.Facts.ForeignMachine is { } machine)
            report.Findings.Add(
                Finding.Error(
                    HostErrors.WrongArchitecture,
                    $"{Path.Combine(report.Folder, entry.Path)} is for {machine}; this process is {Machines.Process}."
                )
            );
    }

    private static void CheckFramework(PreFlightReport report, InspectedAssembly entry)
    {
        var host = new Version(Environment.Version.Major, Environment.Version.Minor);
        var framework = entry.Facts.Framework;
        const string core = ".NETCoreApp,Version=v";
        if (framework is null)
            report.Findings.Add(
                Finding.Warning(HostErrors.WrongFramework, $"{entry.Path} does not say which framework it is for.")
            );
        else if (!framework.StartsWith(core, StringComparison.Ordinal))
            report.Findings.Add(
                Finding.Error(HostErrors.WrongFramework, $"{entry.Path} is for {framework}; this host is .NET {host}.")
            );
        else if (Version.TryParse(framework[core.Length..], out var version) && version > host)
            report.Findings.Add(
                Finding.Error(
                    HostErrors.WrongFramework,
                    $"{entry.Path} is for .NET {version}; this host is .NET {host}.",
                    $"Rebuild the plugin for .NET {host}, or run the host on .NET {version}."
                )
            );
        // It runs; but the SDK is for this framework, so that something was forced when it was built.
        else if (version is not null && version < host)
            report.Findings.Add(
                Finding.Warning(
                    HostErrors.WrongFramework,
                    $"{entry.Path} is for .NET {version}, the SDK is for .NET {host}."
                )
            );
    }

    private static void CheckReference(
        PreFlightReport report,
        InspectedAssembly assembly,
        ReferenceFact reference,
        bool isEntry
    )
    {
        var name = reference.Name;
        if (ContractAssemblies.IsContract(name))
        {
            var finding = ContractCheck.Check(report.Name, name, reference.Version, ContractAssemblies.Provided(name)!);
            if (finding is not null)
                report.Findings.Add(finding);
            return;
        }
        if (ContractAssemblies.IsFramework(name) || report.Assemblies.ContainsKey(name) || IsElsewhere(report, name))
            return;
        var detail =
            $"{assembly.Path} of plugin '{report.Name}' needs {name} {reference.Version}, which is neither in {report.Folder} "
            + "nor among what the host provides.";
        if (report.Unreadable.TryGetValue($"{name}.dll", out var reason))
            detail = $"{assembly.Path} of plugin '{report.Name}' needs {name}, but {name}.dll {reason}.";
        var remedy =
            $"Add <PackageReference Include=\"{name}\" /> to the plugin's project where it lacks one, build with "
            + "<EnableDynamicLoading>true</EnableDynamicLoading>, which copies private libraries, and copy the whole output folder.";
        // What only a library asks for may be a path of it that the plugin never takes.
        report.Findings.Add(
            isEntry
                ? Finding.Error(HostErrors.MissingDependency, detail, remedy)
                : Finding.Warning(HostErrors.MissingDependency, detail, remedy)
        );
    }

    // Assets for one system lie below runtimes/; deps.json says which, and the runtime follows it.
    private static bool IsElsewhere(PreFlightReport report, string name) =>
        report.Snapshot!.Code.Any(f => f.Path.EndsWith($"/{name}.dll", StringComparison.OrdinalIgnoreCase));

    private static void CheckExits(PreFlightReport report, InspectedAssembly assembly, bool isEntry)
    {
        if (assembly.Facts.Exits.Count == 0)
            return;
        var detail = $"{assembly.Path} of plugin '{report.Name}' calls {string.Join(", ", assembly.Facts.Exits)}.";
        report.Findings.Add(
            isEntry
                ? Finding.Error(HostErrors.EndsProcess, detail)
                : Finding.Warning(HostErrors.EndsProcess, detail, "Make sure that the plugin never takes that path.")
        );
    }
}
